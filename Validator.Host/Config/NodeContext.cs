using Microsoft.Extensions.Logging;
using Validator.Core.Primitives;
using Validator.Host.Keys;
using Validator.Host.Metrics;

namespace Validator.Host.Config;

/// <summary>All that a node is started with: checked configuration, genesis, own place in it, and keys.</summary>
/// <param name="Self">Own index in the committee.</param>
/// <param name="PeerHints">Where members may be found; identity is always the key.</param>
public sealed record NodeContext(
    NodeConfig Config,
    Genesis Genesis,
    Hash256 ChainId,
    int Self,
    ValidatorKeys Keys,
    PeerHint[] PeerHints,
    NodeMetrics Metrics,
    ILoggerFactory Logs);

/// <summary>One entry of <c>network.bootstrap_peers</c>.</summary>
/// <param name="Member">The committee index that a <c>/p2p/name</c> suffix names; -1 when any member may answer there.</param>
/// <param name="Address">The multiaddr without that suffix.</param>
public sealed record PeerHint(int Member, string Address);
