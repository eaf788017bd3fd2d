using Validator.Core.Effects;

namespace Validator.Host.Contracts;

/// <summary>A fork that this validator has seen since its start.</summary>
/// <param name="Member">The author's or leader's name; null where certificates fork.</param>
/// <param name="FoundWallMicros">Own wall clock, microseconds since 1970.</param>
public sealed record ForkSummary(Fork Fork, string? Member, ulong FoundWallMicros);
