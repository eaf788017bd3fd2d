using System.Text;
using Tomlyn.Model;
using Validator.Host.Config;
using Validator.Tests.Fuzz;
using Theirs = Tomlyn.Parsing.SyntaxParser;
using TomlException = Validator.Host.Config.TomlException;
using TomlTable = Validator.Host.Config.TomlTable;

namespace Validator.Tests.Host.Config;

/// <summary>Tomlyn's strict parser as the second opinion on our TOML reader, on texts that are almost right.</summary>
public class TomlynTests
{
    /// <summary>What ours refuses by name, and TOML 1.1, which is all that Tomlyn reads, has.</summary>
    private static readonly string[] s_ownLimits =
    [
        "array of tables", "date", "unknown escape", "an inline table ends on its line", "expected a key", "deeper", "64 bits",
    ];

    private static readonly string[] s_samples =
    [
        "[node]\nid = \"a\"\ndata_dir = \"/d\" # words\n\n[consensus]\nquorum_threshold = 0.67\nfinality_timeout_ms = 5_00\n[network]\nbootstrap_peers = [\n \"/ip4/1.2.3.4/udp/1/quic\",\n]\n",
        "a = 'x'\nb = \"\"\"\nlong\\u00e9 \\\n   on\n\"\"\"\nc = { d = 1, e = [true, false] }\n[f.g]\nh = 0xFF\ni = -1e5\n\"quoted key\" = 1.5\n",
        "[api]\nlisten = \"[::1]:80\"\ninsecure = true\n[metrics]\nport = 0\nenabled = false\n[logging]\nformat = \"json\"\n",
        "a.b.c = 1\na.b.d = +0o17\n[a.e]\nf = '''\nit's\n'''\ng = [[1, 2], ['x'], []]\n[h]\n'i j' = { k.l = -0.0, m = inf }\nn = 0b1_0\n",
    ];

    // What ours reads, Tomlyn reads as the same values; what ours refuses, Tomlyn refuses, but for what ours leaves out by name.
    [Fact]
    public void Both_read_the_same()
    {
        Mutator mutator = new([.. s_samples.Select(Encoding.UTF8.GetBytes)], 2048, 5);
        int read = 0, refused = 0;
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (string text in s_samples.Concat(Enumerable.Range(0, 12_000).Select(_ => Text(mutator.Next()))))
        {
            if (!seen.Add(text) || text.Contains('\uFFFD', StringComparison.Ordinal))
            {
                continue;
            }

            TomlTable? ours = null;
            string why = "";
            try
            {
                ours = TomlReader.Read(text);
            }
            catch (TomlException e)
            {
                why = e.Message;
            }

            string theirWhy = "";
            try
            {
                Theirs.ParseStrict(text);
            }
            catch (Exception e) when (e is Tomlyn.TomlException or ArgumentException)
            {
                // Some wrong texts end there by the exception of a helper.
                theirWhy = e.Message;
            }

            if (ours is not null)
            {
                Assert.True(theirWhy.Length == 0, $"only theirs refuses: {theirWhy}\n{text}");
                Same(ours, Tomlyn.TomlSerializer.Deserialize<Tomlyn.Model.TomlTable>(text)!, text);
                read++;
            }
            else if (theirWhy.Length == 0)
            {
                Assert.True(s_ownLimits.Any(limit => why.Contains(limit, StringComparison.Ordinal)), $"only ours refuses: {why}\n{text}");
            }
            else
            {
                refused++;
            }
        }

        // Neither reads all nor refuses all.
        Assert.True(read > 500 && refused > 2000, $"{read} read, {refused} refused");
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    private static void Same(TomlTable ours, Tomlyn.Model.TomlTable theirs, string text)
    {
        Assert.True(ours.Keys.Count == theirs.Count, text);
        foreach ((string key, _, _) in ours.Keys)
        {
            Same(ours[key]!.Value, theirs[key], text);
        }
    }

    private static void Same(object ours, object theirs, string text)
    {
        switch (ours)
        {
            case TomlTable table:
                Same(table, (Tomlyn.Model.TomlTable)theirs, text);
                break;
            case List<TomlValue> list:
                object?[] others = [.. (TomlArray)theirs];
                Assert.True(list.Count == others.Length, text);
                for (int i = 0; i < others.Length; i++)
                {
                    Same(list[i].Value, others[i]!, text);
                }

                break;
            case string one:
                // Lines may end either way where a text had both.
                Assert.True(one.ReplaceLineEndings("\n") == ((string)theirs).ReplaceLineEndings("\n"), text);
                break;
            default:
                Assert.True(ours.Equals(theirs), $"{ours} against {theirs}\n{text}");
                break;
        }
    }
}
