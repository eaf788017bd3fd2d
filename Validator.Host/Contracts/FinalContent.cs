using Validator.Core.Wire;

namespace Validator.Host.Contracts;

/// <summary>A vertex with all that its author sent.</summary>
public sealed record VertexContent(VertexHeader Header, byte[] Signature, byte[] Payload);

/// <summary>A final block and what it orders.</summary>
/// <param name="Certificate">Its own; null where a descendant's proves it.</param>
public sealed record FinalContent(Block Block, Certificate? Certificate, VertexContent[] Vertices);
