using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Host.Keys;
using Validator.Host.Metrics;
using Validator.Net.Discovery;

namespace Validator.Host.Config;

/// <summary>All that a node is started with: checked configuration, genesis, own place in it, and keys.</summary>
/// <param name="Self">Own index in the committee.</param>
/// <param name="PeerAddresses">Per committee index, where that member may be found; empty for ourselves.</param>
public sealed record NodeContext(
    NodeConfig Config,
    Genesis Genesis,
    Hash256 ChainId,
    int Self,
    ValidatorKeys Keys,
    PeerAddress[][] PeerAddresses,
    NodeMetrics Metrics,
    ILoggerFactory Logs);
