using Validator.Core.Primitives;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Tools.Load;
using Validator.Host.Tools.Localnet;

namespace Validator.Bench.Macro;

/// <summary>
/// What must hold of a healed cluster, read anew from the first transaction on: one state and one order, without repeats, in
/// which every payload has its id. Nobody was convicted, nobody has stopped signing.
/// </summary>
internal static class ChaosChecks
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static async Task RunAsync(LocalCluster cluster, TransactionPattern sent, List<string> failures)
    {
        NodeStatus[]? same = await SameStateAsync(cluster).ConfigureAwait(false);
        if (same is null)
        {
            failures.Add($"not the same executed state everywhere within {Patience.TotalSeconds:F0} s");
            return;
        }

        foreach (NodeProcess node in cluster.Nodes)
        {
            double convictions = await cluster.MetricAsync(node, "cretoai_byzantine_violations_total", "kind=\"equivocating")
                .ConfigureAwait(false);
            if (convictions > 0)
            {
                failures.Add($"{node.Name} convicted somebody, and all were honest");
            }
        }

        failures.AddRange(same.Where(s => !s.Signing).Select(s => $"{s.Node} signs no more"));
        List<Hash256>? first = null;
        foreach (NodeProcess node in cluster.Nodes)
        {
            List<Hash256> ids = await ReadAllAsync(node, (long)same[0].NextFinalIndex, sent, failures).ConfigureAwait(false);
            if (ids.Distinct().Count() != ids.Count)
            {
                failures.Add($"{node.Name} streams a transaction twice");
            }

            first ??= ids;
            if (!ids.SequenceEqual(first))
            {
                failures.Add($"{node.Name} streams another order than {cluster.Nodes[0].Name}");
            }
        }
    }

    private static async Task<NodeStatus[]?> SameStateAsync(LocalCluster cluster)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (System.Diagnostics.Stopwatch.GetElapsedTime(start) < Patience)
        {
            NodeStatus?[] all = await Task.WhenAll(Array.ConvertAll(cluster.Nodes, n => cluster.StatusAsync(n))).ConfigureAwait(false);
            if (all.All(s => s is not null && s.ExecutedRoot == all[0]!.ExecutedRoot && s.NextFinalIndex == all[0]!.NextFinalIndex))
            {
                return all!;
            }

            await Task.Delay(50).ConfigureAwait(false);
        }

        return null;
    }

    private static async Task<List<Hash256>> ReadAllAsync(NodeProcess node, long count, TransactionPattern pattern, List<string> failures)
    {
        List<Hash256> ids = [];
        using HttpClient http = new(Validator.Host.Primitives.HttpHandlers.Create());
        using CancellationTokenSource timeout = new(TimeSpan.FromMinutes(2));
        Stream stream = await http.GetStreamAsync(new Uri(node.Api, $"/v1/finalized?from=0&{FinalizedStream.Query}"), timeout.Token).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            byte[] buffer = new byte[2 * FinalizedStream.MaxRecordBytes];
            int filled = 0;
            int consumed = 0;
            while (ids.Count < count)
            {
                StreamRecord record = FinalizedStream.Read(buffer.AsSpan(consumed, filled - consumed));
                if (record.Outcome == StreamRead.NeedMore)
                {
                    buffer.AsSpan(consumed, filled - consumed).CopyTo(buffer);
                    filled -= consumed;
                    consumed = 0;
                    int read = await stream.ReadAsync(buffer.AsMemory(filled), timeout.Token).ConfigureAwait(false);
                    if (read == 0)
                    {
                        failures.Add($"{node.Name} ends its stream after {ids.Count} of {count} transactions");
                        return ids;
                    }

                    filled += read;
                    continue;
                }

                ReadOnlySpan<byte> kindAndBytes = buffer.AsSpan(consumed + record.Start, record.Length);
                if (record.Outcome == StreamRead.Malformed || record.Index != (ulong)ids.Count || Hash256.Of(kindAndBytes) != record.Id
                    || !pattern.TryRecognise(kindAndBytes[1..], out ulong number) || !pattern.IsIntact(number, kindAndBytes[1..]))
                {
                    failures.Add($"{node.Name} streams at index {ids.Count} what nobody sent");
                    return ids;
                }

                ids.Add(record.Id);
                consumed += record.Consumed;
            }
        }

        return ids;
    }
}
