using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Host.Config;
using Validator.Host.Keys;

namespace Validator.Host.Contracts;

/// <summary>All that a node is started with: checked configuration, genesis and keys.</summary>
/// <param name="Addresses">Where members may be found.</param>
public sealed record NodeContext(
    NodeConfig Config,
    Genesis Genesis,
    Hash256 ChainId,
    ValidatorKeys Keys,
    PeerAddressBook Addresses,
    NodeMetrics Metrics,
    ILoggerFactory Logs)
{
    /// <summary>Cancelled when the start is called off.</summary>
    public CancellationToken Starting { get; init; }
}
