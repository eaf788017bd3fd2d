using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Wire;

namespace Validator.Core.Consensus;

/// <summary>What a restarted validator reads back from its stores before the first input.</summary>
public sealed class RecoveredState
{
    /// <summary>All own signed records of the epoch that are not yet behind the executed point, in the order of their Sign.</summary>
    public List<(Signed Message, Block? Block, ViewChange? ViewChange, NewView? NewView)> Signed { get; } = [];
    public List<Block> Blocks { get; } = [];
    public List<Certificate> PreparedCertificates { get; } = [];

    /// <summary>The NewView of the highest view entered, if any.</summary>
    public NewView? EnteredNewView { get; set; }

    /// <summary>The last executed block with its certificate and root; null at genesis.</summary>
    public Block? LastFinal { get; set; }
    public Certificate? LastFinalCertificate { get; set; }
    public Hash256 LastExecutedRoot { get; set; }

    /// <summary>Roots of the newest executed blocks, oldest first, ending with LastFinal: window + 16 of them where there are so many.</summary>
    public List<(ulong Sequence, Hash256 Root)> RecentRoots { get; } = [];

    /// <summary>Durable vertices above the last final cut, any order, with their signatures (own ones included).</summary>
    public List<(VertexHeader Vertex, byte[] Signature)> Vertices { get; } = [];

    /// <summary>Own lane's newest vertex ever signed, final or not; height 0 when none.</summary>
    public LaneTip OwnTip { get; set; }
}

/// <summary>Local settings that never decide validity.</summary>
public sealed record CoreSettings
{
    /// <summary>Base of the view timer, microseconds; doubles per failed view up to 64 times.</summary>
    public long ViewTimeoutMicros { get; init; } = 500_000;

    /// <summary>Least time between two proposals under load, microseconds.</summary>
    public long BlockIntervalMicros { get; init; } = 20_000;

    /// <summary>Blocks a leader keeps in flight.</summary>
    public int PipelineBlocks { get; init; } = 4;

    /// <summary>Period of Status to every peer, microseconds.</summary>
    public long StatusIntervalMicros { get; init; } = 250_000;

    /// <summary>Vertices held or announced but not ordered, over all lanes; beyond it others' wait and own batches get no credit.</summary>
    public int MaxPendingVertices { get; init; } = 10_000;

    /// <summary>Own vertices not yet ordered.</summary>
    public int MaxOwnPendingVertices { get; init; } = 64;

    /// <summary>An idle validator authors an empty vertex this often, microseconds; 0: never.</summary>
    public long IdleVertexMicros { get; init; } = 10_000_000;

    /// <summary>False: follow, serve and execute, but sign nothing (section 6).</summary>
    public bool Signs { get; init; } = true;
}

/// <summary>
/// The whole protocol as one deterministic state machine: inputs in, effects out, the same bytes for the same inputs.
/// Not thread-safe; one thread owns it.
/// </summary>
public sealed partial class ValidatorCore
{
    /// <param name="self">Own index in the committee.</param>
    public ValidatorCore(Genesis genesis, Hash256 chainId, int self, CoreSettings settings, RecoveredState? recovered = null)
    {
        Genesis = genesis;
        ChainId = chainId;
        Self = self;
        Settings = settings;
        Committee = genesis.ToCommittee();
        _ = recovered;
    }

    public Genesis Genesis { get; }
    public Hash256 ChainId { get; }
    public int Self { get; }
    public CoreSettings Settings { get; }
    public Committee Committee { get; }

    /// <summary>Monotonic microseconds at which a Tick is due, at the latest.</summary>
    public long NextDeadline { get; private set; }

    public ulong View { get; private set; }
    public ulong FinalSequence { get; private set; }

    /// <summary>One step: the effects are appended to <paramref name="effects"/>.</summary>
    public void Handle(in Input input, EffectBuffer effects)
    {
        _ = effects;
        NextDeadline = input.MonotonicMicros + Settings.StatusIntervalMicros;
    }
}
