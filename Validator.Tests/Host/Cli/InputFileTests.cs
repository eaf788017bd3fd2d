using System.Text;
using Microsoft.Win32.SafeHandles;
using Validator.Core.Primitives;
using Validator.Host;
using Validator.Host.Cli;
using Validator.Host.Primitives;

namespace Validator.Tests.Host.Cli;

/// <summary>Files that commands are given, where they are no good.</summary>
public sealed class InputFileTests
{
    private const long MostAllocated = 64L << 20;

    /// <summary>Every command that reads a file: FILE is that file, SOUND a node.toml, OUT what it would write.</summary>
    public static TheoryData<string> Commands => new(
        "genesis verify FILE",
        "genesis build --network n --member FILE --out OUT",
        "committee submit FILE",
        "committee sign FILE --config SOUND",
        "committee show --token-file FILE",
        "submit --file FILE --api http://127.0.0.1:1",
        "submit x --token-file FILE",
        "submit x --ca FILE",
        "submit x --config FILE",
        "submit x --key FILE --api http://127.0.0.1:1",
        "status --token-file FILE",
        "tail --config FILE",
        "ready --ca FILE",
        "account sign --file FILE --key OUT --chain-id 00 --nonce 1 --out OUT",
        "account show --key FILE",
        "votes statement --config SOUND --request FILE",
        "votes create --config FILE --never-signed",
        "run --config FILE",
        "run --config FILE --check",
        "db verify --config FILE",
        "support-bundle --config FILE --out OUT",
        "token --role read --out FILE",
        "load --transport quic --genesis FILE");

    // Protects the machine and whoever waits: a file without end, and one that is huge, are refused with the codes of a
    // wrong file, and only their beginning is read.
    [Theory]
    [MemberData(nameof(Commands))]
    public void A_file_without_end_is_refused(string command)
    {
        using TemporaryFolder folder = new();
        string huge = folder.File("huge");
        using (SafeFileHandle file = File.OpenHandle(huge, FileMode.CreateNew, FileAccess.Write))
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            RandomAccess.SetLength(file, 1L << 30);
        }

        InitOptions options = new() { Validators = 1, Out = folder.File("c"), Ports = [new NodePorts(1, 0, 0)] };
        string sound = Initializer.Run(options)[0];
        foreach (string path in new[] { "/dev/zero", huge })
        {
            string[] arguments = [.. command.Split(' ').Select(a => a switch
            {
                "FILE" => path,
                "SOUND" => sound,
                "OUT" => folder.File("out"),
                "00" => Hash256.Zero.ToString(),
                _ => a,
            })];
            long before = GC.GetAllocatedBytesForCurrentThread();
            int code = CommandLine.Run(arguments);
            Assert.True(code is ExitCodes.Usage or ExitCodes.Keys, $"{path}: {code}");
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostAllocated);
            Assert.False(File.Exists(folder.File("out")));
        }
    }

    // Protects the same on standard input, and the bound itself: to the byte, whatever the pieces that a pipe gives.
    [Fact]
    public void The_bound_is_exact()
    {
        byte[] bytes = Encoding.ASCII.GetBytes(new string('x', 100_000));
        Assert.Equal(bytes, InputFile.Read(new MemoryStream(bytes), bytes.Length));
        IOException tooLong = Assert.Throws<IOException>(() => InputFile.Read(new MemoryStream(bytes), bytes.Length - 1));
        Assert.Contains("longer than 99999 bytes", tooLong.Message, StringComparison.Ordinal);
        Assert.Equal("ab", InputFile.ReadText(new MemoryStream([0xEF, 0xBB, 0xBF, (byte)'a', (byte)'b'])));
    }
}
