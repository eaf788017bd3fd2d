using Validator.Core.Wire;

namespace Validator.Host.Pipeline;

internal enum ServiceItemKind : byte
{
    /// <summary>An accepted block body that peers may ask for.</summary>
    Block,

    /// <summary>To be kept on disk.</summary>
    Evidence,
}

/// <summary>What Core's thread leaves to the service: anything that may read or write the disk.</summary>
internal struct ServiceItem
{
    public ServiceItemKind Kind;
    public Block? Block;
    public Evidence? Evidence;
}
