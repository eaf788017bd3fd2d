using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Validator.Host.Cli;

namespace Validator.Tests.Net.Discovery;

/// <summary>A DNS server on loopback that answers, lies or says nothing, as the first label of a name asks it to.</summary>
internal sealed class FakeDns : IDisposable
{
    private const ushort TypeA = 1;
    private const ushort TypeAaaa = 28;

    private readonly Socket _udp = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly Socket _tcp = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly string _folder = Directory.CreateTempSubdirectory("validator-dns-").FullName;

    /// <param name="search">Search domains of the resolv.conf that it writes.</param>
    /// <param name="options">Its options line.</param>
    public FakeDns(string search = "corp.test", string options = "timeout:1 attempts:2")
    {
        // One number over both protocols: what the system hands out for one may be an outgoing connection's over the other.
        Port = FreePorts.Find(1)[0];
        _udp.Bind(new IPEndPoint(IPAddress.Loopback, Port));
        _tcp.Bind(new IPEndPoint(IPAddress.Loopback, Port));
        _tcp.Listen();
        ResolvConf = Path.Combine(_folder, "resolv.conf");
        Hosts = Path.Combine(_folder, "hosts");
        File.WriteAllText(ResolvConf, $"nameserver [127.0.0.1]:{Port}\nsearch {search}\noptions {options}\n");
        File.WriteAllText(Hosts, "192.0.2.77 fromfile fromfile.test\n2001:db8::77 fromfile\n");
        new Thread(ServeUdp) { IsBackground = true }.Start();
        new Thread(ServeTcp) { IsBackground = true }.Start();
    }

    public int Port { get; }

    public string ResolvConf { get; }

    public string Hosts { get; }

    /// <summary>What its names stand for.</summary>
    public ConcurrentDictionary<string, IPAddress[]> Names { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>All that it was asked for, with the type.</summary>
    public ConcurrentQueue<(string Name, ushort Type)> Asked { get; } = new();

    /// <summary>Comes before every answer, with the question's id.</summary>
    public volatile byte[]? Forged;

    /// <summary>Hears and says nothing.</summary>
    public volatile bool Silent;

    private void ServeUdp()
    {
        byte[] buffer = new byte[4096];
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        try
        {
            while (true)
            {
                int length = _udp.ReceiveFrom(buffer, ref from);
                foreach (byte[] answer in Answers(buffer.AsSpan(0, length), udp: true)) _udp.SendTo(answer, from);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end of the test.
        }
    }

    private void ServeTcp()
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (true)
            {
                using Socket client = _tcp.Accept();
                int length = client.Receive(buffer);
                if (length < 2) continue;
                foreach (byte[] answer in Answers(buffer.AsSpan(2, length - 2), udp: false))
                {
                    byte[] prefix = [(byte)(answer.Length >> 8), (byte)answer.Length];
                    client.Send([.. prefix, .. answer]);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end of the test.
        }
    }

    private List<byte[]> Answers(ReadOnlySpan<byte> query, bool udp)
    {
        StringBuilder text = new();
        int at = 12;
        for (; query[at] != 0; at += query[at] + 1) text.Append(Encoding.ASCII.GetString(query.Slice(at + 1, query[at]))).Append('.');
        string name = text.ToString().TrimEnd('.');
        ushort type = BinaryPrimitives.ReadUInt16BigEndian(query[(at + 1)..]);
        byte[] question = query[12..(at + 5)].ToArray();
        ushort id = BinaryPrimitives.ReadUInt16BigEndian(query);
        Asked.Enqueue((name, type));
        string mode = name.Split('.')[0];
        if (Silent || mode == "silent") return [];
        byte[][] records = Names.TryGetValue(name, out IPAddress[]? addresses)
            ? [.. addresses.Where(a => (a.AddressFamily == AddressFamily.InterNetwork ? TypeA : TypeAaaa) == type).Select(a => a.GetAddressBytes())]
            : [];
        byte[][] lie = type == TypeA ? [[203, 0, 113, 66]] : [];
        byte[] good = Message(id, question, 0x8180 | (addresses is null ? 3 : 0), type, records);
        if (Forged is { } forged)
        {
            return [forged.Length < 2 ? forged : [query[0], query[1], .. forged.AsSpan(2)], good];
        }

        return mode switch
        {
            "wrongid" => [Message((ushort)(id + 1), question, 0x8180, type, lie)],
            "wrongidfirst" => [Message((ushort)(id + 1), question, 0x8180, type, lie), good],
            "wrongquestion" => [Message(id, [4, .. "evil"u8, 0, (byte)(type >> 8), (byte)type, 0, 1], 0x8180, type, lie)],
            "otherfamily" => [Message(id, question, 0x8180, type == TypeA ? TypeAaaa : TypeA, [type == TypeA ? IPAddress.Parse("2001:db8::9").GetAddressBytes() : [192, 0, 2, 9]])],
            "servfail" => [Message(id, question, 0x8182, type, [])],
            "loop" => [[.. Message(id, question, 0x8180, type, [], count: 1), 0xC0, (byte)(12 + question.Length), 0, (byte)type, 0, 1]],
            "cut" when udp => [Message(id, question, 0x8380, type, [])],
            "many" => [Message(id, question, 0x8180, type, [.. Enumerable.Range(1, 200).Select(i => type == TypeA ? new byte[] { 198, 51, 100, (byte)i } : null!).Where(r => r is not null)])],
            _ => [good],
        };
    }

    /// <summary>
    /// Answers to questions of a name: addresses, another name's, none, an error, more than there is, a name that points to
    /// itself.
    /// </summary>
    public static byte[][] Samples(string name)
    {
        List<byte[]> samples = [];
        foreach (ushort type in (ushort[])[TypeA, TypeAaaa])
        {
            byte[] labels = [.. name.Split('.').SelectMany(label => new[] { (byte)label.Length }.Concat(Encoding.ASCII.GetBytes(label))), 0];
            byte[] question = [.. labels, 0, (byte)type, 0, 1];
            byte[] address = new byte[type == TypeA ? 4 : 16];
            address[^1] = 7;
            byte[] found = Message(0, question, 0x8180, type, [address, [.. address[..^1], 8]]);
            byte[] alias = [0xC0, 12, 0, 5, 0, 1, 0, 0, 0, 5, 0, 4, 1, (byte)'a', 0xC0, 12];
            byte[] ofAlias = [0xC0, (byte)(12 + question.Length + 12), 0, (byte)type, 0, 1, 0, 0, 0, 5, 0, (byte)address.Length, .. address];
            byte[] option = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 8, 0, 10, 0, 4, 1, 2, 3, 4];
            samples.AddRange(
            [
                found, [.. found[..11], 1, .. found[12..], .. option], [.. Message(0, question, 0x8180, type, [], count: 2), .. alias, .. ofAlias],
                Message(0, question, 0x8183, type, []), Message(0, question, 0x8182, type, []), Message(0, question, 0x8380, type, []),
                Message(0, question, 0x8180, type, [address], count: 9),
                [.. Message(0, question, 0x8180, type, [], count: 1), 0xC0, (byte)(12 + question.Length), 0, (byte)type, 0, 1],
            ]);
        }

        return [.. samples];
    }

    private static byte[] Message(ushort id, byte[] question, int flags, ushort type, byte[][] records, int? count = null)
    {
        List<byte> bytes = [(byte)(id >> 8), (byte)id, (byte)(flags >> 8), (byte)flags, 0, 1, 0, (byte)(count ?? records.Length), 0, 0, 0, 0, .. question];
        foreach (byte[] record in records)
        {
            bytes.AddRange([0xC0, 12, 0, (byte)type, 0, 1, 0, 0, 0, 5, 0, (byte)record.Length, .. record]);
        }
        return [.. bytes];
    }

    public void Dispose()
    {
        _udp.Dispose();
        _tcp.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
