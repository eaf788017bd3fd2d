using Validator.Host.Storage;
using Validator.Host.Storage.Log;

namespace Validator.Tests.Host.Storage;

/// <summary>
/// The log against a model of it, on a disk that crashes in the middle of writes and damages blocks: what was acknowledged and is
/// needed is read back, or the log is refused; at most the last commit may be taken for one that was cut short.
/// </summary>
public class WriteAheadLogTests
{
    private enum Damage
    {
        /// <summary>One bit differs.</summary>
        Rotten,

        /// <summary>An acknowledged write did not happen: what the lap before left is there.</summary>
        Lost,

        /// <summary>Half of the block is what was there before.</summary>
        Torn,

        /// <summary>Another block of the log is there, and what it replaced elsewhere is not.</summary>
        Misdirected,

        /// <summary>All zeros.</summary>
        Trimmed,
    }

    // Some hundred commits over several laps of a small log, with crashes at any block of a write, and reopened each time.
    [Fact]
    public void What_was_acknowledged_is_read_back_after_any_crash()
    {
        int crashes = 0;
        int kept = 0;
        int laps = 0;
        for (int seed = 0; seed < 1_500; seed++)
        {
            Run run = new(seed);
            for (int life = 0; life < 6; life++)
            {
                Assert.Null(run.Reopen());
                crashes += run.Live(crashes: true) ? 1 : 0;
                kept += run.KeptUnacknowledged;
            }

            Assert.Null(run.Reopen());
            laps = Math.Max(laps, run.Laps);
        }

        Assert.True(crashes > 3_000 && kept > 50 && laps > 5, $"{crashes} {kept} {laps}");
    }

    // A block that is needed, of a commit that another followed, is damaged while the process is down: never silently.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Damage_in_the_middle_is_never_its_end(int kind)
    {
        int planted = 0;
        for (int seed = 0; seed < 1_500; seed++)
        {
            Run run = new(seed);
            Assert.Null(run.Reopen());
            run.Live(crashes: seed % 3 == 0);
            if (!run.Plant((Damage)kind, inTheMiddle: true))
            {
                continue;
            }

            planted++;
            string? refusal = run.Reopen();
            Assert.True(refusal is not null, $"seed {seed}: {(Damage)kind} was taken for the end");
            Assert.Contains("is damaged", refusal, StringComparison.Ordinal);
        }

        Assert.True(planted > 700, $"{planted}");
    }

    // The last commit's damage is refused once the database has some of it, or else no more than that commit is missing.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Damage_of_the_last_commit_loses_no_other(int kind)
    {
        int refused = 0;
        int ended = 0;
        for (int seed = 0; seed < 1_500; seed++)
        {
            Run run = new(seed);
            Assert.Null(run.Reopen());
            run.Live(crashes: false);
            if (run.Plant((Damage)kind, inTheMiddle: false))
            {
                bool applied = run.LastIsApplied;
                string? refusal = run.Reopen(lastMayBeMissing: true);
                Assert.Equal(applied, refusal is not null);
                refused += applied ? 1 : 0;
                ended += applied ? 0 : 1;
            }
        }

        Assert.True(refused > 50 && ended > 50, $"{refused} {ended}");
    }

    // What is not needed may be damaged, and another store's log is none of ours.
    [Fact]
    public void What_is_not_needed_and_what_is_anothers_do_not_matter()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            Run run = new(seed);
            Assert.Null(run.Reopen());
            run.Live(crashes: false);
            run.DamageUnneeded();
            Assert.Null(run.Reopen());
        }

        SimulatedDisk disk = new(16, new Random(1));
        using (WriteAheadLog log = WriteAheadLog.Open(disk, Key(1), 0, (_, _) => { }))
        {
            Assert.Null(log.Append("vote"u8));
        }

        int read = 0;
        using (WriteAheadLog log = WriteAheadLog.Open(disk, Key(2), 0, (_, _) => read++))
        {
            Assert.Equal(new LogEnd(0, 1), log.End);
        }

        Assert.Equal(0, read);
        Assert.Throws<StoreException>(() => WriteAheadLog.Open(disk, Key(2), 1, (_, _) => { }));
    }

    // On this machine's file system, both ways of writing, over the end of the ring and with the largest commit.
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void A_file_is_a_log(bool direct, bool whole)
    {
        using TemporaryFolder folder = new();
        string path = folder.File("log");
        LogFile.Create(path, 600, whole);
        Random random = new(5);
        List<byte[]> written = [];
        using (WriteAheadLog log = WriteAheadLog.Open(LogFile.Open(path, direct), Key(1), 0, (_, _) => Assert.Fail()))
        {
            while (log.End.Number < 1_500)
            {
                byte[] data = new byte[random.Next((int)WriteAheadLog.MostBytes(600) + 1)];
                random.NextBytes(data);
                Assert.Null(log.Append(data));
                written.Add(data);
                log.Release(log.End);
            }

            // What is needed from here on.
            for (int i = 0; i < 3; i++)
            {
                Assert.Null(log.Append([(byte)i]));
            }
        }

        List<byte[]> read = [];
        for (int life = 0; life < 2; life++)
        {
            using WriteAheadLog young = WriteAheadLog.Open(
                Young(folder, life, direct, whole), Key(1), (ulong)life, (_, data) => Assert.Equal([9], data.ToArray()));
            Assert.Null(young.Append([9]));
        }

        using WriteAheadLog again = WriteAheadLog.Open(
            LogFile.Open(path, direct), Key(1), 0, (_, data) => read.Add(data.ToArray()));
        Assert.Equal([[0], [1], [2]], read);
    }

    // Protects the votes' first lap: in a log that was written at its creation a commit writes its own blocks alone; in one that
    // was not, the zeros ahead of it as well.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_log_that_was_written_through_needs_no_zeros(bool written)
    {
        using TemporaryFolder folder = new();
        string path = folder.File("log");
        LogFile.Create(path, 64, written);
        byte[] bytes = File.ReadAllBytes(path);
        Assert.Equal(64 * LogBlock.Size, bytes.Length);
        Assert.False(bytes.AsSpan(0, 63 * LogBlock.Size).ContainsAnyExcept((byte)0));
        bytes.AsSpan(10 * LogBlock.Size, LogBlock.Size).Fill(7);
        File.WriteAllBytes(path, bytes);
        using WriteAheadLog log = WriteAheadLog.Open(LogFile.Open(path), Key(1), 0, (_, _) => Assert.Fail());
        Assert.Null(log.Append([1]));
        bytes = File.ReadAllBytes(path);
        Assert.True(LogBlock.TryRead(Key(1), bytes.AsSpan(0, LogBlock.Size), out _));
        Assert.Equal(written ? 7 : 0, bytes[10 * LogBlock.Size]);
    }

    private static LogFile Young(TemporaryFolder folder, int life, bool direct, bool whole)
    {
        string path = folder.File("young");
        if (life == 0)
        {
            LogFile.Create(path, 600, whole);
        }

        return LogFile.Open(path, direct);
    }

    private static byte[] Key(byte first)
    {
        byte[] key = new byte[32];
        key[0] = first;
        return key;
    }

    /// <summary>A log with its model: what was acknowledged, what the database has, and what is needed.</summary>
    private sealed class Run
    {
        private readonly Random _random;
        private readonly SimulatedDisk _disk;
        private readonly List<(byte[] Data, LogEnd Start, int Count)> _acknowledged = [];
        private WriteAheadLog? _log;
        private byte[]? _inFlight;

        /// <summary>Commits that the database holds durably, and those of which it holds something.</summary>
        private int _flushed;
        private int _applied;

        public Run(int seed)
        {
            _random = new Random(seed);
            _disk = new SimulatedDisk(_random.Next(8, 40), _random);
        }

        public int Laps => (int)(_log!.End.Number / (ulong)_disk.Blocks);

        /// <summary>Commits of the last life that were cut short and are there all the same.</summary>
        public int KeptUnacknowledged { get; private set; }

        public bool LastIsApplied => _applied == _acknowledged.Count;

        public string? Reopen(bool lastMayBeMissing = false)
        {
            List<(ulong Commit, byte[] Data)> read = [];
            try
            {
                _log = WriteAheadLog.Open(
                    _disk, Key(7), (ulong)_applied, (commit, data) => read.Add((commit, data.ToArray())));
            }
            catch (StoreException e)
            {
                return e.Message;
            }

            ulong next = read.Count > 0 ? read[0].Commit : _log.End.Commit;
            Assert.True(next <= (ulong)_flushed + 1, "what the database lacks is read back");
            foreach ((ulong commit, byte[] data) in read)
            {
                Assert.Equal(next++, commit);
                byte[] expected = commit <= (ulong)_acknowledged.Count ? _acknowledged[(int)commit - 1].Data : _inFlight ?? [];
                Assert.True(data.AsSpan().SequenceEqual(expected));
            }

            Assert.Equal(next, _log.End.Commit);
            KeptUnacknowledged = (int)next - 1 - _acknowledged.Count;
            Assert.InRange(KeptUnacknowledged, lastMayBeMissing ? -1 : 0, _inFlight is null ? 0 : 1);
            if (KeptUnacknowledged > 0)
            {
                _acknowledged.Add((_inFlight!, LogEndBefore(_inFlight!), CountOf(_inFlight!)));
            }

            _inFlight = null;
            _applied = Math.Max(_applied, _acknowledged.Count);
            return null;
        }

        /// <summary>Commits until the life ends.</summary>
        /// <returns>Whether it ended within a write.</returns>
        public bool Live(bool crashes)
        {
            // One alone: lives that end in the same commit, one after the other.
            int commits = crashes && _random.Next(2) == 0 ? 1 : _random.Next(3, 60);
            for (int i = 0; i < commits; i++)
            {
                int most = _random.Next(3) == 0 ? (int)WriteAheadLog.MostBytes(_disk.Blocks) + 1 : 100;
                byte[] data = new byte[_random.Next(most)];
                _random.NextBytes(data);
                if (!_log!.HasRoom(data.Length) || _random.Next(4) == 0)
                {
                    Flush();
                }

                // One more commit says that what was flushed is free.
                data = _log.HasRoom(data.Length) ? data : [];
                if (!_log.HasRoom(0))
                {
                    return false;
                }

                LogEnd start = _log.End;
                _disk.CrashesIn = crashes && i == commits - 1 ? _random.Next(CountOf(data) + 1) : null;
                bool crashed = _disk.CrashesIn is not null;
                string? error = _log.Append(data);
                _disk.CrashesIn = null;
                Assert.Equal(crashed, error is not null);
                if (crashed)
                {
                    Assert.Equal(error, _log.Append(data));
                    _inFlight = data;
                    return true;
                }

                _acknowledged.Add((data, start, CountOf(data)));
                _applied = _random.Next(3) == 0 ? _acknowledged.Count : _applied;
            }

            return false;
        }

        public bool Plant(Damage damage, bool inTheMiddle)
        {
            int needed = (int)_disk.NeededCommit(Key(7));
            int last = _acknowledged.Count - (inTheMiddle ? 2 : 1);
            int first = inTheMiddle ? needed - 1 : last;
            if (first < needed - 1 || first > last || last < 0)
            {
                return false;
            }

            // A crash may have destroyed no block of an acknowledged commit, but all of the one in flight: then nothing says
            // which was last.
            if (inTheMiddle && _acknowledged.Count < 2)
            {
                return false;
            }

            (byte[] _, LogEnd start, int count) = _acknowledged[_random.Next(first, last + 1)];
            _disk.Damage((long)((start.Number + (ulong)_random.Next(count)) % (ulong)_disk.Blocks), damage);
            return true;
        }

        public void DamageUnneeded()
        {
            LogEnd end = _log!.End;
            ulong needed = _disk.NeededNumber(Key(7));
            for (ulong number = end.Number; number < needed + (ulong)_disk.Blocks; number++)
            {
                Damage damage = _random.Next(3) == 0 ? Damage.Trimmed : Damage.Rotten;
                _disk.Damage((long)(number % (ulong)_disk.Blocks), damage);
            }
        }

        private void Flush()
        {
            _log!.Release(_log.End);
            _flushed = _applied = _acknowledged.Count;
        }

        private LogEnd LogEndBefore(byte[] data) => new(_log!.End.Number - (ulong)CountOf(data), _log.End.Commit - 1);

        private static int CountOf(byte[] data) => Math.Max(1, (data.Length + LogBlock.DataBytes - 1) / LogBlock.DataBytes);
    }

    private sealed class SimulatedDisk(int blocks, Random random) : ILogDisk
    {
        private readonly byte[] _now = new byte[blocks * LogBlock.Size];
        private readonly byte[] _before = new byte[blocks * LogBlock.Size];

        public long Blocks => blocks;

        /// <summary>How many blocks of the next write are whole; the rest is as the crash leaves it.</summary>
        public int? CrashesIn { get; set; }

        public void Read(long block, Span<byte> bytes) => _now.AsSpan((int)block * LogBlock.Size, bytes.Length).CopyTo(bytes);

        public string? Sync() => null;

        // As a file does it: zeros ahead, which must hit nothing that is needed.
        public void Begin(long unwritten) => _now.AsSpan((int)unwritten * LogBlock.Size).Clear();

        public string? Write(long block, ReadOnlySpan<byte> bytes)
        {
            int count = bytes.Length / LogBlock.Size;
            if (CrashesIn is not { } whole)
            {
                for (int i = 0; i < count; i++)
                {
                    Put(block + i, bytes.Slice(i * LogBlock.Size, LogBlock.Size));
                }

                return null;
            }

            // Blocks reach the disk in any order, and sectors of a block too.
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> of = bytes.Slice(i * LogBlock.Size, LogBlock.Size);
                switch (random.Next(4))
                {
                    case 0 when whole > 0:
                    case 1 when whole > 0:
                    case 2 when whole > 0:
                        whole--;
                        Put(block + i, of);
                        break;
                    case 3:
                        byte[] mixed = Now(block + i).ToArray();
                        int sector = random.Next(8) * 512;
                        of.Slice(sector, 512).CopyTo(mixed.AsSpan(sector));
                        Put(block + i, mixed);
                        break;
                }
            }

            return "crash";
        }

        public void Damage(long block, Damage damage)
        {
            Span<byte> now = Now(block);
            Span<byte> before = _before.AsSpan((int)block * LogBlock.Size, LogBlock.Size);
            switch (damage)
            {
                case WriteAheadLogTests.Damage.Rotten:
                    now[random.Next(LogBlock.Size)] ^= (byte)(1 << random.Next(8));
                    break;
                case WriteAheadLogTests.Damage.Lost:
                    before.CopyTo(now);
                    break;
                case WriteAheadLogTests.Damage.Torn:
                    before[..(LogBlock.Size / 2)].CopyTo(now);
                    break;
                case WriteAheadLogTests.Damage.Misdirected:
                    Span<byte> other = Now((block + 1 + random.Next(blocks - 1)) % blocks);
                    other.CopyTo(now);
                    break;
                default:
                    now.Clear();
                    break;
            }
        }

        /// <summary>What the newest whole block says.</summary>
        public ulong NeededCommit(byte[] key) => Newest(key).NeededCommit;

        public ulong NeededNumber(byte[] key) => Newest(key).NeededNumber;

        public void Dispose()
        {
        }

        private LogBlock Newest(byte[] key)
        {
            LogBlock newest = new(0, 0, 0, 0, 0, 0, 0, 1);
            for (int i = 0; i < blocks; i++)
            {
                newest = LogBlock.TryRead(key, Now(i), out LogBlock block) && block.Commit > newest.Commit ? block : newest;
            }

            return newest;
        }

        private Span<byte> Now(long block) => _now.AsSpan((int)block * LogBlock.Size, LogBlock.Size);

        private void Put(long block, ReadOnlySpan<byte> bytes)
        {
            Now(block).CopyTo(_before.AsSpan((int)block * LogBlock.Size, LogBlock.Size));
            bytes.CopyTo(Now(block));
        }
    }
}
