using Validator.Core.Effects;
using Validator.Core.Wire;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;
using Validator.Net;

namespace Validator.Host.Metrics;

/// <summary>The whole metrics page: counters, the node's status, and the process.</summary>
internal static class MetricsPage
{
    /// <param name="trust">Null where genesis has none: then nothing is said of it.</param>
    public static void Fill(
        MetricsRegistry page, NodeMetrics metrics, NodeStatus status, TrustSummary? trust = null, StoreReading[]? stores = null)
    {
        Consensus(page, metrics, status);
        Clients(page, metrics, status);
        Network(page, metrics, status);
        Validation(page, metrics);
        MultiSignatures(page, metrics);
        Forks(page, metrics);
        Storage(page, metrics);
        StorageMetrics.Fill(page, stores ?? []);
        Backups(page, metrics.Backups);
        if (trust is not null)
        {
            TrustMetrics.Fill(page, trust);
        }

        page.Counter("cretoai_log_lines_dropped_total", "Log lines that standard error did not take.", (ulong)metrics.LogLinesDropped());
        ProcessMetrics.Fill(page);
    }

    private static void Consensus(MetricsRegistry page, NodeMetrics metrics, NodeStatus status)
    {
        page.Histogram("cretoai_finality_time_seconds", "Own client transactions: time from acceptance to execution.", metrics.FinalitySeconds);
        page.Histogram(
            "cretoai_strong_finality_time_seconds", "The same, until the block has the level that wait=strong asks for.", metrics.StrongSeconds);
        page.Counter("cretoai_vertices_finalized_total", "Vertices of all lanes ordered by final blocks.", metrics.VerticesFinalized.Value);
        page.Family(
            "cretoai_byzantine_violations_total", "counter",
            "Proven faults, two signed messages in one slot (equivocating_*); and what this validator alone saw.");
        foreach ((string name, int[] links) in metrics.Members)
        {
            foreach (Violation kind in Enum.GetValues<Violation>())
            {
                page.Sample(links.Sum(l => metrics.ByzantineViolations(l, kind).Value), ("node_id", name), ("kind", Names.Snake(kind.ToString())));
            }
        }

        page.Family("cretoai_local_score", "gauge", "1 to 0, of what this validator alone holds against a member, over restarts.");
        foreach ((string name, int[] links) in metrics.Members)
        {
            page.Sample(links.Min(metrics.LocalScore), ("node_id", name));
        }

        page.Gauge("cretoai_ready", "1 when this validator takes part and a quorum is connected.", status.Ready ? 1 : 0);
        Stalls(page, metrics, status);
        page.Gauge("cretoai_signing", "0 when this validator follows without signing.", status.Signing ? 1 : 0);
        page.Gauge("cretoai_clock_offset_seconds", "Own wall clock less that of live blocks' leaders.", status.ClockOffsetSeconds);
        page.Counter("cretoai_replaced_connections_total", "Connections that peers closed for a newer one with our key: another process uses it.", status.ReplacedElsewhere);
        page.Gauge("cretoai_disk_free_bytes", "Bytes free where the databases and the data directory have fewest.", status.DiskFreeBytes);
        if (status.DiskFreeFiles is { } files)
        {
            page.Gauge("cretoai_disk_free_files", "Files that can still be made (inodes) where the databases and the data directory have fewest.", files);
        }

        page.Gauge("cretoai_disk_level", "0 ample, 1 low (nothing is taken from clients), 2 full (nothing is voted).", status.Disk switch { "full" => 2, "low" => 1, _ => 0 });
        page.Gauge("cretoai_epoch", "Current epoch.", status.Epoch);
        page.Gauge("cretoai_committee_members", "Members in this epoch.", (ulong)status.Members);
        page.Gauge("cretoai_committee_change_pending", "1 when the next epoch has another committee.", status.ChangePending ? 1 : 0);
        page.Gauge("cretoai_signs_from_epoch", "Where votes, or the ledger, were lost: the epoch from which on this validator signs again; 0 otherwise.", status.SignsFrom);
        page.Gauge("cretoai_view", "Current view.", status.View);
        page.Gauge("cretoai_final_sequence", "Sequence of the newest final block.", status.FinalSequence);
        Adaptive(page, status);
        page.Gauge("cretoai_executed_sequence", "Sequence of the newest executed block.", status.ExecutedSequence);
        page.Gauge("cretoai_lag_blocks", "Blocks that the furthest peer is ahead.", status.LagBlocks);
        page.Gauge("cretoai_lane_height", "Height of the own lane.", status.LaneHeight);
        page.Gauge("cretoai_pending_vertices", "Vertices held and not yet ordered.", status.PendingVertices);
        page.Counter("cretoai_view_changes_total", "Views entered after the first.", metrics.ViewChanges.Value);
        page.Counter("cretoai_view_timeouts_total", "Timeouts that made this validator ask for the next view.", metrics.ViewTimeouts.Value);
        page.Counter("cretoai_blocks_finalized_total", "Blocks that became final here.", metrics.BlocksFinalized.Value);
        page.Counter("cretoai_blocks_proposed_total", "Blocks that this validator proposed.", metrics.BlocksProposed.Value);
        page.Counter("cretoai_vertices_authored_total", "Vertices of the own lane.", metrics.VerticesAuthored.Value);
        page.Counter("cretoai_votes_total", "Votes sent.", metrics.Votes.Value);
        page.Family("cretoai_messages_rejected_total", "counter", "Messages that the protocol refused, by reason.");
        foreach (Reason reason in Enum.GetValues<Reason>())
        {
            if (reason != Reason.None)
            {
                page.Sample(metrics.Rejected[(int)reason].Value, ("reason", Names.Snake(reason.ToString())));
            }
        }
    }

    private static void Backups(MetricsRegistry page, BackupMetrics backups)
    {
        double due = backups.DueSeconds.Value, now = Clock.WallMicros() / 1e6;
        page.Counter("cretoai_backups_made_total", "Full backups that this process made.", backups.Made.Value);
        page.Counter("cretoai_backups_failed_total", "Full backups that failed, each try.", backups.Failed.Value);
        page.Counter("cretoai_backup_stored_bytes_total", "Bytes that the target of backups took.", backups.StoredBytes.Value);
        page.Gauge("cretoai_backup_failing", "1 where the newest backup that ended failed.", backups.Failing.Value);
        page.Gauge(
            "cretoai_backup_last_success_timestamp_seconds", "When the newest good backup was begun; 0: none is known.",
            backups.LastSuccessSeconds.Value);
        page.Gauge("cretoai_backup_last_block", "Newest block in it.", backups.LastBlock.Value);
        page.Gauge("cretoai_backup_last_bytes", "What it takes in the target.", backups.LastBytes.Value);
        page.Gauge("cretoai_backup_last_duration_seconds", "How long it took.", backups.LastDurationSeconds.Value);
        page.Gauge(
            "cretoai_backup_overdue_seconds", "For so long a backup has been due by backup.schedule.",
            due > 0 ? Math.Max(0, now - due) : 0);
        page.Gauge("cretoai_archive_block", "Newest block in the archive; 0: none is known.", backups.ArchivedBlock.Value);
        double archived = backups.ArchivedSeconds.Value;
        page.Gauge(
            "cretoai_archive_lag_seconds", "For so long the archive may lack what is final; 0 where there is none.",
            archived > 0 ? Math.Max(0, now - archived) : 0);
        page.Gauge("cretoai_archive_failing", "1 where the newest try failed.", backups.ArchiveFailing.Value);
        page.Gauge(
            "cretoai_archive_missed_blocks", "Blocks that were gone before they were archived.", backups.ArchiveMissed.Value);
        page.Counter(
            "cretoai_archive_stored_bytes_total", "Bytes that the target took for the archive.", backups.ArchivedBytes.Value);
    }

    private static void Adaptive(MetricsRegistry page, NodeStatus status)
    {
        page.Family("cretoai_strong_sequence", "gauge", "Newest block of each level of strong finality.");
        page.Sample(status.StrongSequences.Strong67, ("level", "strong67"));
        page.Sample(status.StrongSequences.Strong75, ("level", "strong75"));
        page.Sample(status.StrongSequences.Strong82, ("level", "strong82"));
        AdaptiveStatus adaptive = status.Adaptive;
        page.Gauge("adaptive_quorum_threshold", "Share of the weight that wait=strong asks for.", adaptive.Threshold);
        int level = adaptive.Level switch { "high" => 2, "elevated" => 1, _ => 0 };
        page.Gauge("adaptive_quorum_threat_level", "0 normal, 1 elevated, 2 high.", level);
        page.Gauge("adaptive_quorum_detection_rate", "Share of the weight that is detected as faulty.", adaptive.DetectionRate);
        page.Gauge(
            "adaptive_quorum_stability", "1 where all are connected and delays are as usual; below 0.7 it raises the level by a step.",
            adaptive.Stability);
        page.Counter("adaptive_quorum_level_changes_total", "Changes of the threat level.", adaptive.LevelChanges);
    }

    private static void Stalls(MetricsRegistry page, NodeMetrics metrics, NodeStatus status)
    {
        page.Gauge("cretoai_nothing_final_seconds", "For so long work has been pending with nothing becoming final.", status.NothingFinalSeconds);
        (string Name, int Index)[] causes = [.. Enum.GetValues<StallCause>().Where(c => c != StallCause.None).Select(c => (Names.Snake(c.ToString()), (int)c))];
        page.Family("cretoai_stalled", "gauge", "1 for the cause of which nothing becomes final, while that is so.");
        foreach ((string name, _) in causes)
        {
            page.Sample(status.Stall?.Cause == name ? 1 : 0, ("cause", name));
        }

        page.Family("cretoai_stalls_total", "counter", "How often nothing became final for longer than consensus.stall_seconds, by first cause.");
        foreach ((string name, int index) in causes)
        {
            page.Sample(metrics.Stalls[index].Value, ("cause", name));
        }

        page.Family("cretoai_stalled_seconds_total", "counter", "How long that lasted, from its recognition on.");
        foreach ((string name, int index) in causes)
        {
            page.Sample(metrics.StalledMicros[index].Value / 1e6, ("cause", name));
        }
    }

    private static void Clients(MetricsRegistry page, NodeMetrics metrics, NodeStatus status)
    {
        page.Counter("cretoai_transactions_accepted_total", "Client transactions taken.", metrics.TransactionsAccepted.Value);
        page.Counter("cretoai_transactions_finalized_total", "Transactions that got a global index.", metrics.TransactionsFinalized.Value);
        page.Counter("cretoai_transactions_rejected_total", "Transactions ordered and dropped by execution.", metrics.TransactionsRejected.Value);
        page.Counter(
            "cretoai_transactions_left_total", "Transactions taken, and told to their clients as not ordered since the validator left the committee.",
            metrics.TransactionsLeft.Value);
        page.Gauge("cretoai_pending_transactions", "Client transactions taken and not yet final.", status.PendingTransactions);
        page.Gauge("cretoai_next_final_index", "Global index of the next final transaction.", status.NextFinalIndex);
        page.Family("cretoai_submissions_refused_total", "counter", "Client requests that were not taken, by reason.");
        foreach (SubmitRefusal refusal in Enum.GetValues<SubmitRefusal>())
        {
            if (refusal != SubmitRefusal.None)
            {
                page.Sample(metrics.SubmissionsRefused[(int)refusal].Value, ("reason", Names.Snake(refusal.ToString())));
            }
        }

        page.Family("cretoai_http_refused_total", "counter", "Requests and connections turned away at the door, by reason.");
        foreach (HttpRefusal refusal in Enum.GetValues<HttpRefusal>())
        {
            page.Sample(metrics.HttpRefused[(int)refusal].Value, ("reason", Names.Snake(refusal.ToString())));
        }

        page.Gauge("cretoai_stream_clients", "Clients connected to the submit stream over QUIC.", metrics.StreamClients.Value);
        page.Gauge("cretoai_stream_subscribers", "Readers of the finalized stream.", metrics.StreamSubscribers.Value);
        page.Counter("cretoai_streams_closed_slow_total", "Readers closed because they were too slow.", metrics.StreamsClosedSlow.Value);
    }

    private static void Network(MetricsRegistry page, NodeMetrics metrics, NodeStatus status)
    {
        page.Gauge("cretoai_connected_weight", "Weight connected, itself included.", status.ConnectedWeight);
        page.Gauge("cretoai_quorum_weight", "Weight of a quorum.", status.QuorumWeight);
        page.Gauge("cretoai_total_weight", "Weight of all members.", status.TotalWeight);
        page.Gauge("cretoai_faulty_weight", "F: what may lie without harm.", status.FaultyWeight);
        page.Gauge("cretoai_fewest_that_can_halt", "So few of the heaviest could halt the chain.", status.FewestThatCanHalt);
        page.Gauge("cretoai_fewest_that_can_fork", "So few of the heaviest could fork it.", status.FewestThatCanFork);
        Peers(page, "cretoai_peer_up", "gauge", "1 when connected.", status, p => p.Connected ? 1 : 0);
        Peers(page, "cretoai_peer_rtt_seconds", "gauge", "Smoothed round-trip time.", status, p => p.RttMs / 1000);
        page.Histogram("cretoai_round_trip_seconds", "Newest round trip of each peer, sampled over time.", metrics.RoundTripSeconds);
        Peers(page, "cretoai_peer_final_sequence", "gauge", "Newest final block that the peer reports.", status, p => p.FinalSequence);
        Peers(page, "cretoai_peer_sent_bytes_total", "counter", "Frame bytes sent.", status, p => p.BytesSent);
        Peers(page, "cretoai_peer_received_bytes_total", "counter", "Frame bytes received.", status, p => p.BytesReceived);
        Peers(page, "cretoai_peer_dropped_frames_total", "counter", "Frames dropped because the peer's queue was full.", status, p => p.Dropped);
        Peers(page, "cretoai_peer_connects_total", "counter", "Connections that came up.", status, p => p.Connects);
        page.Family("cretoai_malformed_frames_total", "counter", "Frames that no codec accepts, by sender.");
        foreach ((string name, int[] links) in metrics.Members)
        {
            page.Sample(links.Sum(l => metrics.MalformedFrames[l].Value), ("peer", name));
        }

        page.Counter("cretoai_connections_refused_total", "Connections refused for a key that is no member's.", metrics.ConnectionsRefused.Value);
        Transport(page, metrics);
        page.Counter("cretoai_network_sent_bytes_total", "Datagram bytes sent.", metrics.NetworkBytesSent.Value);
        page.Counter("cretoai_network_received_bytes_total", "Datagram bytes received.", metrics.NetworkBytesReceived.Value);
        if (metrics.Pools is var (receive, send))
        {
            page.Family("cretoai_buffer_bytes", "gauge", "Bytes of frame buffers, free ones included.");
            page.Sample(receive.Bytes, ("pool", "receive"));
            page.Sample(send.Bytes, ("pool", "send"));
            page.Family("cretoai_buffer_used_bytes", "gauge", "Bytes of frame buffers in use, recent vertices included.");
            page.Sample(receive.RentedBytes, ("pool", "receive"));
            page.Sample(send.RentedBytes, ("pool", "send"));
        }

        page.Counter("cretoai_fetches_sent_total", "Requests for something missing.", metrics.FetchesSent.Value);
        page.Counter("cretoai_fetches_served_total", "Requests of peers answered.", metrics.FetchesServed.Value);
    }

    private static void Transport(MetricsRegistry page, NodeMetrics metrics)
    {
        if (metrics.Transport is not { } transport)
        {
            return;
        }

        page.Counter("cretoai_datagrams_received_total", "Datagrams that came on the peers' socket.", transport.DatagramsIn);
        page.Counter("cretoai_datagrams_sent_total", "Datagrams that were sent on the peers' socket.", transport.DatagramsOut);
        page.Family("cretoai_datagrams_total", "counter", "Datagrams and handshakes that came to nothing, by why.");
        page.Sample(transport.DatagramsMalformed, ("what", "malformed"));
        page.Sample(transport.DatagramsUnknown, ("what", "unknown_connection"));
        page.Sample(transport.Paths.Elsewhere, ("what", "other_address"));
        page.Sample(transport.Retries, ("what", "retry"));
        page.Sample(transport.BadTokens, ("what", "bad_token"));
        page.Sample(transport.HandshakesRefused, ("what", "no_room"));
        page.Sample(transport.HandshakesLimited, ("what", "over_rate"));
        page.Counter("cretoai_network_throttled_rounds_total", "Rounds in which a peer's frames waited for its quota.", transport.ThrottledRounds);
        page.Family("cretoai_handshakes_failed_total", "counter", "Handshakes that came to nothing, whoever began them, by reason.");
        foreach (CloseReason reason in Enum.GetValues<CloseReason>())
        {
            if (reason != CloseReason.None)
            {
                page.Sample(transport.HandshakesFailed(reason), ("reason", Names.Snake(reason.ToString())));
            }
        }

        Paths(page, transport.Paths, metrics.ClientPaths);
        page.Family("cretoai_peer_redials_total", "counter", "Dials beside a standing connection on which nothing was acknowledged, or whose peer came from elsewhere.");
        foreach ((string name, int[] links) in metrics.Members)
        {
            page.Sample(links.Sum(l => transport.Peers[l].Redials), ("peer", name));
        }

        page.Family("cretoai_peer_datagram_bytes", "gauge", "Longest UDP payload that is sent to the peer now.");
        foreach ((string name, int[] links) in metrics.Members)
        {
            page.Sample(links.Max(l => transport.Peers[l].DatagramBytes), ("peer", name));
        }

        page.Family("cretoai_name_lookups_total", "counter", "Names among bootstrap_peers that were looked up, by result.");
        page.Sample(transport.NameLookups - transport.NameLookupsFailed, ("result", "found"));
        page.Sample(transport.NameLookupsFailed, ("result", "failed"));
        page.Family("cretoai_peer_closed_total", "counter", "Connections that ended, by peer and reason.");
        foreach ((string name, int[] links) in metrics.Members)
        {
            foreach (CloseReason reason in Enum.GetValues<CloseReason>())
            {
                if (links.Sum(l => transport.Peers[l].ConnectionsClosed(reason)) is > 0 and long count)
                {
                    page.Sample(count, ("peer", name), ("reason", Names.Snake(reason.ToString())));
                }
            }
        }
    }

    /// <summary>What happened to the connections of the peers' socket, and of the clients' where there is one.</summary>
    private static void Paths(MetricsRegistry page, PathStatistics peers, PathStatistics? clients)
    {
        (string Socket, PathStatistics Paths)[] sockets = clients is null ? [("peers", peers)] : [("peers", peers), ("clients", clients)];
        page.Family("cretoai_send_errors_total", "counter", "Datagrams that the system did not take, by why.");
        foreach ((string socket, PathStatistics paths) in sockets)
        {
            foreach (SendFailure why in Enum.GetValues<SendFailure>())
            {
                page.Sample(paths.Unsent(why), ("socket", socket), ("kind", Names.Snake(why.ToString())));
            }
        }

        page.Family("cretoai_path_mtu_falls_total", "counter", "Connections that went on with packets of 1,200 bytes since longer ones no longer got through.");
        foreach ((string socket, PathStatistics paths) in sockets)
        {
            page.Sample(paths.Smaller, ("socket", socket));
        }

        page.Family("cretoai_path_mtu_rises_total", "counter", "Of these, the ones that went back to longer packets.");
        foreach ((string socket, PathStatistics paths) in sockets)
        {
            page.Sample(paths.Larger, ("socket", socket));
        }

        page.Family("cretoai_path_moves_total", "counter", "Connections that went on at another address of the other side.");
        foreach ((string socket, PathStatistics paths) in sockets)
        {
            page.Sample(paths.Moved, ("socket", socket));
        }
    }

    private static void Peers(
        MetricsRegistry page, string name, string type, string help, NodeStatus status, Func<PeerStatus, double> value)
    {
        page.Family(name, type, help);
        foreach (PeerStatus peer in status.Peers)
        {
            page.Sample(value(peer), ("peer", peer.Name));
        }
    }

    private static void Validation(MetricsRegistry page, NodeMetrics metrics)
    {
        page.Histogram("cretoai_validation_batch_signatures", "Signatures verified in one batch.", metrics.ValidationBatch);
        page.Histogram("cretoai_validation_seconds", "Time of one verification batch.", metrics.ValidationSeconds);
        page.Counter("cretoai_signatures_verified_total", "Signatures found valid.", metrics.SignaturesVerified.Value);
        page.Counter("cretoai_signatures_failed_total", "Signatures found invalid.", metrics.SignaturesFailed.Value);
        page.Counter("cretoai_envelopes_verified_total", "Signed envelopes checked, of peers' vertices and of clients.", metrics.EnvelopesVerified.Value);
        page.Counter("cretoai_envelopes_failed_total", "Vertices and submissions with an envelope whose signature does not hold.", metrics.EnvelopesFailed.Value);
        page.Counter("cretoai_signatures_made_total", "Signatures made with the consensus key.", metrics.SignaturesMade.Value);
    }

    private static void MultiSignatures(MetricsRegistry page, NodeMetrics metrics)
    {
        page.Counter(
            "multisig_signatures_collected_total", "Votes and approvals that count towards a certificate or a change.",
            metrics.MultisigCollected.Value);
        page.Family("multisig_signatures_rejected_total", "counter", "Votes and approvals that do not, by why.");
        foreach (PartialSignature outcome in Enum.GetValues<PartialSignature>())
        {
            if (outcome != PartialSignature.Counted)
            {
                page.Sample(metrics.MultisigRejected[(int)outcome].Value, ("reason", Names.Snake(outcome.ToString())));
            }
        }

        page.Counter(
            "multisig_aggregations_completed_total", "Certificates made here, and changes submitted here, with enough weight.",
            metrics.MultisigCompleted.Value);
        page.Histogram(
            "multisig_verification_duration_seconds", "One batch of verification with whole certificates or changes in it.",
            metrics.MultisigVerificationSeconds);
        page.Histogram(
            "multisig_aggregation_duration_seconds", "From a certificate's first vote until its weight is there.",
            metrics.MultisigAggregationSeconds);
    }

    private static void Forks(MetricsRegistry page, NodeMetrics metrics)
    {
        page.Family("fork_detector_forks_detected_total", "counter", "Forks found since the start, by kind.");
        ByKind(metrics.ForksDetected);
        page.Family("fork_detector_forks_resolved_total", "counter", "Forks that a rule has resolved, by kind.");
        ByKind(metrics.ForksResolved);
        page.Counter(
            "fork_detector_forks_failed_total", "Two certificates that are both final: the validator halts.",
            metrics.ForksFailed.Value);
        page.Gauge("fork_detector_active_forks", "Forks that no rule has resolved yet.", metrics.ActiveForks.Value);
        page.Histogram(
            "fork_detector_resolution_duration_seconds", "From when a fork was found until a rule had resolved it.",
            metrics.ForkResolutionSeconds);

        void ByKind(Counter[] counters)
        {
            foreach (ForkKind kind in Enum.GetValues<ForkKind>())
            {
                page.Sample(counters[(int)kind].Value, ("kind", Names.Snake(kind.ToString())));
            }
        }
    }

    private static void Storage(MetricsRegistry page, NodeMetrics metrics)
    {
        page.Histogram("cretoai_vote_commit_seconds", "One group commit of the vote store, sync included.", metrics.VoteCommitSeconds);
        page.Histogram("cretoai_ledger_commit_seconds", "One group commit of the ledger, sync included.", metrics.LedgerCommitSeconds);
        page.Counter("cretoai_vote_syncs_total", "Syncs of the vote store.", metrics.VoteSyncs.Value);
        page.Counter("cretoai_ledger_syncs_total", "Syncs of the ledger.", metrics.LedgerSyncs.Value);
        page.Counter("cretoai_vote_written_bytes_total", "Bytes given to the vote store.", metrics.VoteBytesWritten.Value);
        page.Counter("cretoai_ledger_written_bytes_total", "Bytes given to the ledger.", metrics.LedgerBytesWritten.Value);
    }
}
