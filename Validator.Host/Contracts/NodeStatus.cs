namespace Validator.Host.Contracts;

/// <summary>A snapshot of the node, published by its own threads and read by the API and the metrics page.</summary>
public sealed record NodeStatus
{
    /// <summary>Own name in genesis.</summary>
    public required string Node { get; init; }

    /// <summary>64 hexadecimal digits.</summary>
    public required string ChainId { get; init; }

    public required bool Ready { get; init; }

    /// <summary>Why it is not ready; empty when it is.</summary>
    public string Reason { get; init; } = "";

    /// <summary>Set while nothing becomes final though work is pending, or there is no quorum.</summary>
    public StallStatus? Stall { get; init; }

    /// <summary>How long work has been pending with nothing becoming final, seconds; some tenths are usual.</summary>
    public double NothingFinalSeconds { get; init; }

    /// <summary>False: follows without signing (PROTOCOL.md, section 6).</summary>
    public required bool Signing { get; init; }

    /// <summary>Own wall clock minus that of live blocks' leaders, seconds; some hundredths are delay.</summary>
    public double ClockOffsetSeconds { get; init; }

    /// <summary>
    /// How often peers closed our connection for a newer one with our key, which means that another process uses the key.
    /// </summary>
    public ulong ReplacedElsewhere { get; init; }

    /// <summary>
    /// ample, low (nothing from clients) or full (no votes); bytes free, and files that can still be made, each on the disk with
    /// fewest.
    /// </summary>
    public string Disk { get; init; } = "";
    public ulong DiskFreeBytes { get; init; }

    /// <summary>Null where no disk counts its files.</summary>
    public ulong? DiskFreeFiles { get; init; }

    public ulong Epoch { get; init; }

    /// <summary>
    /// Where nothing is signed because votes or ledger were lost: the epoch from which it signs again; 0 while that is not known.
    /// </summary>
    public ulong SignsFrom { get; init; }
    /// <summary>Members of this epoch, and whether the next has others.</summary>
    public int Members { get; init; }
    public bool ChangePending { get; init; }
    public ulong View { get; init; }

    /// <summary>The leader's name in this view.</summary>
    public string Leader { get; init; } = "";

    /// <summary>Newest final block, and newest executed one.</summary>
    public ulong FinalSequence { get; init; }
    public ulong ExecutedSequence { get; init; }

    /// <summary>64 hexadecimal digits: root after <see cref="ExecutedSequence"/>.</summary>
    public string ExecutedRoot { get; init; } = "";

    /// <summary>Newest block of each level of strong finality (PROTOCOL.md, rule S2); 0 for none since the start.</summary>
    public StrongSequences StrongSequences { get; init; }

    /// <summary>The threat level, and what ?wait=strong asks for.</summary>
    public AdaptiveStatus Adaptive { get; init; } = new("off", "normal", 0, 0, 1, 0);

    /// <summary>How many blocks the furthest peer is ahead of us.</summary>
    public ulong LagBlocks { get; init; }

    /// <summary>Global indices: the oldest still readable here, and the one that the next final transaction will get.</summary>
    public ulong FirstFinalIndex { get; init; }
    public ulong NextFinalIndex { get; init; }

    /// <summary>Own lane's newest height.</summary>
    public ulong LaneHeight { get; init; }

    /// <summary>Client transactions taken and not final, and vertices that wait to be ordered.</summary>
    public ulong PendingTransactions { get; init; }
    public ulong PendingVertices { get; init; }

    /// <summary>Weights: of all, of a quorum, of those connected (itself included).</summary>
    public ulong TotalWeight { get; init; }
    public ulong QuorumWeight { get; init; }
    public ulong ConnectedWeight { get; init; }

    /// <summary>What may be Byzantine without harm, and how few of the heaviest could halt the chain, or fork it.</summary>
    public ulong FaultyWeight { get; init; }
    public int FewestThatCanHalt { get; init; }
    public int FewestThatCanFork { get; init; }

    public PeerStatus[] Peers { get; init; } = [];
}

/// <summary>By the share of the weight that has executed it.</summary>
public readonly record struct StrongSequences(ulong Strong67, ulong Strong75, ulong Strong82);

/// <param name="Mode">off, report or enforce.</param>
/// <param name="Level">normal, elevated or high.</param>
/// <param name="Threshold">The share of the weight that ?wait=strong asks for.</param>
/// <param name="DetectionRate">The share that is detected as faulty.</param>
/// <param name="Stability">1 where all are connected and delays are as usual.</param>
public sealed record AdaptiveStatus(
    string Mode, string Level, double Threshold, double DetectionRate, double Stability, ulong LevelChanges);

/// <summary>Why nothing becomes final.</summary>
/// <param name="Cause">halted, disk, no_quorum_connected, catching_up, no_quorum_signing, waiting_for_time, view_changes or
/// leader.</param>
/// <param name="Reason">The same for a person, with names.</param>
public sealed record StallStatus(string Cause, string Reason, double Seconds);

/// <summary>One other member of the committee, as seen from here. Counts are since the start of the process.</summary>
public sealed record PeerStatus
{
    public required string Name { get; init; }
    public required bool Connected { get; init; }

    /// <summary>Where we dial it, from bootstrap_peers; empty when it has to dial us.</summary>
    public string Address { get; init; } = "";
    public ulong View { get; init; }
    public ulong FinalSequence { get; init; }

    /// <summary>
    /// Seconds since it last sent a vote or another protocol message that it had signed itself; null for never.
    /// </summary>
    public double? SignedSecondsAgo { get; init; }
    public double RttMs { get; init; }
    public ulong BytesSent { get; init; }
    public ulong BytesReceived { get; init; }

    /// <summary>Frames dropped because its queue was full.</summary>
    public ulong Dropped { get; init; }
    public ulong Connects { get; init; }
}
