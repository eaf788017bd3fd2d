namespace Validator.Bench.Simulation;

/// <summary>What the network does to a message.</summary>
public sealed partial class SimWorld
{
    /// <returns>False when the message is lost.</returns>
    public bool Delay(int from, int to, out long delay, out int copies)
    {
        long mean = _latency[from, to];
        delay = (mean / 2) + _random.Exponential(mean / 2.0) + 5;
        copies = 1;
        if (_frozen[from] != _frozen[to])
        {
            return false;
        }

        if (_faultsOver || !HasFaults)
        {
            return true;
        }

        if (_slowUntil[from] > Cluster.Now || _slowUntil[to] > Cluster.Now)
        {
            delay *= 10;
        }

        if (_cloggedUntil[from, to] > Cluster.Now)
        {
            delay += _cloggedUntil[from, to] - Cluster.Now;
        }

        if (_cut[from, to])
        {
            return false;
        }

        if (_random.Chance(_loss))
        {
            Met(Fault.Loss);
            return false;
        }

        if (_random.Chance(_duplicates))
        {
            Met(Fault.Duplicate);
            copies = 2;
        }

        return true;
    }

    /// <summary>A message may arrive before an earlier one.</summary>
    public bool Overtakes()
    {
        if (Reorders)
        {
            Met(Fault.Reorder);
        }

        return Reorders;
    }

    private void Partition(Func<int, bool> side)
    {
        bool[] left = new bool[Cluster.Nodes.Length];
        for (int i = 0; i < left.Length; i++)
        {
            left[i] = side(i);
        }

        CutLinks((from, to) => left[from] != left[to]);
    }

    private void CutLinks(Func<int, int, bool> which) => CutLinks(which, _random.Between(50_000, 4_000_000));

    private void CutLinks(Func<int, int, bool> which, long micros)
    {
        int n = Cluster.Nodes.Length;
        for (int from = 0; from < n; from++)
        {
            for (int to = 0; to < n; to++)
            {
                _cut[from, to] = which(from, to);
            }
        }

        Cluster.Schedule(Cluster.Now + micros, () => Array.Clear(_cut));
    }

    /// <summary>Only these hear of each other from now on; null: all do.</summary>
    public void Freeze(IReadOnlyCollection<int>? allBut)
    {
        for (int i = 0; i < _frozen.Length; i++)
        {
            _frozen[i] = allBut is not null && !allBut.Contains(i);
        }
    }
}
