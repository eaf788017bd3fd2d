using System.CommandLine;
using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Runtime.InteropServices;
using System.Text;
using Validator.Host.Config;
using Validator.Host.Pipeline;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Cli;

/// <summary>
/// <c>validator support-bundle</c>: one archive of what helps to understand a validator's trouble, for somebody else to read. It
/// takes what is named here and nothing else: no key, no token, no certificate's key, no vote store, no payload.
/// </summary>
internal static class SupportBundle
{
    private const int MaxLogBytes = 4 * 1024 * 1024;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    public static Command Create()
    {
        Option<string> file = new("--out") { Description = "The archive to make, .tar.gz, and its folder where there is none", Required = true };
        Option<string?> log = new("--log") { Description = "A file with the validator's log, of which the end is taken" };
        ApiTarget api = new(config: "The node.toml; its API is asked, unless --api says another");
        Command command = new("support-bundle", "Collect status, metrics, configuration and sizes in an archive, without secrets") { file, log };
        api.AddTo(command);
        command.SetAction(parsed => CommandAction.Guard(() =>
            Write(parsed, api, parsed.GetValue(api.Config)!, parsed.GetValue(file)!, parsed.GetValue(log))));
        return command;
    }

    private static int Write(ParseResult parsed, ApiTarget api, string configFile, string archive, string? log)
    {
        NodeConfig config = api.ConfigOf(parsed)!;
        try
        {
            using MemoryStream bytes = new();
            using (GZipStream packed = new(bytes, CompressionLevel.Optimal, leaveOpen: true))
            {
                Fill(packed, parsed, api, config, configFile, log);
            }

            DurableFile.Create(archive, bytes.GetBuffer().AsSpan(0, (int)bytes.Length), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"{archive}: {e.Message}");
        }

        Console.WriteLine(archive);
        return ExitCodes.Success;
    }

    private static void Fill(Stream packed, ParseResult parsed, ApiTarget api, NodeConfig config, string configFile, string? log)
    {
        using TarWriter tar = new(packed, leaveOpen: true);
        Add(tar, "README.txt", "Made by validator support-bundle. No keys, tokens, votes or payloads are in it. Look it through before you pass it on.\n");
        Add(tar, "version.txt", Version());
        Add(tar, "node.toml", ReadOr(configFile));
        Add(tar, "environment.txt", Variables());
        Add(tar, "genesis.json", ReadOr(config.Node.GenesisPath));
        Add(tar, "votes.txt", VoteStoreSetup.Describe(config.Storage) + "\n");
        Add(tar, "files.txt", Files(config));
        Add(tar, "system.txt", System());
        if (log is not null)
        {
            Add(tar, "log.txt", EndOf(log));
        }

        string address = api.Address(parsed);
        foreach ((string name, string path) in new[] { ("status.json", "/v1/status"), ("health.json", "/v1/health"), ("ready.json", "/v1/ready") })
        {
            Add(tar, name, Ask(parsed, api, address + path));
        }

        if (config.Metrics.Enabled)
        {
            IPEndPoint page = ApiTarget.EndPointOf(config.Metrics.Host, config.Metrics.Port);
            bool secured = config.Api.TlsCertificate.Length > 0 && !IPAddress.IsLoopback(IPAddress.Parse(config.Metrics.Host));
            Add(tar, "metrics.txt", Ask(parsed, api, $"{(secured ? "https" : "http")}://{page}{config.Metrics.Endpoint}"));
        }
    }

    private static void Add(TarWriter tar, string name, string text)
    {
        using MemoryStream data = new(Encoding.UTF8.GetBytes(text));
        tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "validator-support/" + name)
        {
            DataStream = data,
            Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            ModificationTime = DateTimeOffset.UtcNow,
        });
    }

    private static string Version() =>
        $"validator {BuildInfo.Version}\ncommit {BuildInfo.Commit}\nframework {RuntimeInformation.FrameworkDescription}\nrocksdb {BuildInfo.RocksDb}\nopenssl {BuildInfo.OpenSsl}\nngtcp2 {BuildInfo.Ngtcp2}\n";

    /// <summary>Variables that override a key of node.toml; no key holds a secret, only names of files.</summary>
    private static string Variables()
    {
        StringBuilder text = new();
        foreach (SettingKey key in SettingKey.All)
        {
            if (Environment.GetEnvironmentVariable(key.Variable) is { } value)
            {
                text.Append(key.Variable).Append('=').Append(value).Append('\n');
            }
        }

        return text.ToString();
    }

    /// <summary>Names, sizes and modes below the data directory and the databases; no contents.</summary>
    private static string Files(NodeConfig config)
    {
        StringBuilder text = new();
        foreach (string folder in new[] { config.Node.DataDir, config.Storage.Path, config.Crypto.KeyPath }.Distinct())
        {
            text.Append(folder).Append(":\n");
            try
            {
                foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories))
                {
                    string name = Path.GetRelativePath(folder, file.FullName);
                    try
                    {
                        text.Append(string.Create(CultureInfo.InvariantCulture, $"{Convert.ToString((int)file.UnixFileMode, 8),5} {file.Length,14} {file.LastWriteTimeUtc:u} "));
                    }
                    catch (FileNotFoundException)
                    {
                        text.Append("deleted meanwhile: ");
                    }

                    text.Append(name).Append('\n');
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                text.Append(e.Message).Append('\n');
            }
        }

        return text.ToString();
    }

    private static string System()
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{RuntimeInformation.OSDescription}\nprocessors {Environment.ProcessorCount}\n");
        foreach (string file in new[] { "/proc/loadavg", "/proc/meminfo", "/proc/self/limits", "/proc/pressure/io", "/proc/pressure/cpu" })
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{file}\n{ReadOr(file)}");
        }

        return text.ToString();
    }

    private static string ReadOr(string file)
    {
        try
        {
            return InputFile.ReadText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message + "\n";
        }
    }

    private static string EndOf(string file)
    {
        try
        {
            using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            stream.Seek(-Math.Min(stream.Length, MaxLogBytes), SeekOrigin.End);
            byte[] end = new byte[MaxLogBytes];
            return Encoding.UTF8.GetString(end, 0, stream.ReadAtLeast(end, end.Length, throwOnEndOfStream: false));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return e.Message + "\n";
        }
    }

    private static string Ask(ParseResult parsed, ApiTarget api, string address)
    {
        try
        {
            using HttpClient client = api.Client(parsed, s_patience);
            using HttpResponseMessage answer = client.Send(new HttpRequestMessage(HttpMethod.Get, address));
            using StreamReader reader = new(answer.Content.ReadAsStream());
            return reader.ReadToEnd();
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException or ConfigException)
        {
            return $"no answer from {address}: {e.Message}\n";
        }
    }
}
