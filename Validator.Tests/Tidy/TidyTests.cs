using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Validator.Core.Consensus;
using Validator.Host.Pipeline;

namespace Validator.Tests.Tidy;

/// <summary>Rules of the house that no compiler checks.</summary>
public sealed class TidyTests
{
    private const int MostLines = 500;
    private const int MostLinesOfTests = 600;
    private const int Width = 130;

    /// <summary>Lines of code above <see cref="Width"/>. Only ever lowered.</summary>
    private const int MostLongLines = 1685;

    // Protects: the protocol core stays a pure state machine, which needs hashes and nothing else.
    [Fact]
    public void Core_references_the_hashes_alone()
    {
        XDocument project = XDocument.Load(Path.Combine(SourceTree.Root, "Validator.Core", "Validator.Core.csproj"));
        Assert.Equal(["../Validator.Crypto.Simd/Validator.Crypto.Simd.csproj"], Includes(project, "ProjectReference"));
        Assert.All(Includes(project, "PackageReference"), package => Assert.EndsWith("Analyzers", package));
        Assert.All(
            typeof(ValidatorCore).Assembly.GetReferencedAssemblies(),
            name => Assert.True(name.Name == "Validator.Crypto.Simd" || IsRuntime(name), name.Name));
    }

    // Protects: the crypto library stays free of everything but the runtime.
    [Fact]
    public void Crypto_references_nothing()
    {
        XDocument project = XDocument.Load(Path.Combine(SourceTree.Root, "Validator.Crypto.Simd", "Validator.Crypto.Simd.csproj"));
        Assert.Empty(Includes(project, "ProjectReference"));
        Assert.All(Includes(project, "PackageReference"), package => Assert.EndsWith("Analyzers", package));
    }

    // Protects: the protocol's folders, and the binary's, form stairs, whose steps use those below them alone. A folder of
    // another namespace is reached by a using directive or by a qualified name, and both are looked at.
    [Theory]
    [InlineData("Core", "Primitives Wire Trust Execution Effects Dag Consensus Shell")]
    [InlineData("Host", "Primitives Logging Storage Config Keys Contracts Pipeline Serving Node Metrics Api Backup Cli Tools")]
    public void Folders_use_those_below_them(string project, string stair)
    {
        string[] steps = stair.Split(' ');
        string root = $"Validator.{project}/";
        string[] sources = [.. SourceTree.Sources.Where(f => f.StartsWith(root, StringComparison.Ordinal))];
        Assert.Equal(steps.Order(), sources.Where(f => f.Count(c => c == '/') > 1).Select(f => f.Split('/')[1]).Distinct().Order());
        foreach (string file in sources)
        {
            string expected = string.Join('.', ["Validator", project, .. file.Split('/')[1..^1]]);
            Assert.Contains($"namespace {expected};", SourceTree.Lines(file));
        }

        for (int i = 0; i < steps.Length - 1; i++)
        {
            string above = string.Join('|', steps[(i + 1)..]);

            // By their files' names, since Keys and Tools are names of other things too.
            string types = string.Join('|', steps[(i + 1)..].SelectMany(step => sources.Where(f => f.StartsWith($"{root}{step}/", StringComparison.Ordinal))
                .Select(f => $@"{step}\.{Path.GetFileName(f).Split('.')[0]}")));
            Regex upwards = new($@"^using .*\bValidator\.{project}\.({above})\b|\b{project}\.({above})\.[A-Z]|(?<![\w.])({types})\b");
            AssertNone(Matches(sources.Where(f => f.StartsWith($"{root}{steps[i]}/", StringComparison.Ordinal)), upwards));
        }

        // The codecs do not know the checks that are built of them.
        AssertNone(Matches(
            sources.Where(f => f.StartsWith("Validator.Core/Wire/", StringComparison.Ordinal) && f.Count(c => c == '/') == 2), new Regex(@"\bWire\.Validation\b")));
    }

    // Protects: the parts of the QUIC shim stand on each other in the order of quic_internal.h, which says what each of them
    // offers.
    [Fact]
    public void Parts_of_the_quic_shim_use_those_above_them()
    {
        string header = string.Join('\n', SourceTree.Lines("eng/native/quic_internal.h"));
        (string File, string[] Offers)[] parts = [.. Regex.Matches(header, @"^/\* (quic_\w+\.c) \*/\n((?:.+\n)+)", RegexOptions.Multiline)
            .Select(m => (m.Groups[1].Value, Regex.Matches(m.Groups[2].Value, @"^HIDDEN [\w ]*?\*?(\w+)\(", RegexOptions.Multiline).Select(f => f.Groups[1].Value).ToArray()))];
        string[] shim = [.. SourceTree.Files.Where(f => Regex.IsMatch(f, @"^eng/native/quic_\w+\.c$")).Select(f => Path.GetFileName(f))];
        Assert.Equal(shim.Order(StringComparer.Ordinal), parts.Select(p => p.File).Append("quic_endpoint.c").Order(StringComparer.Ordinal));
        for (int i = 0; i < parts.Length; i++)
        {
            Assert.NotEmpty(parts[i].Offers);
            string below = string.Join('|', parts[(i + 1)..].SelectMany(p => p.Offers));
            AssertNone(Matches([$"eng/native/{parts[i].File}"], new Regex(below.Length > 0 ? $@"\b({below})\(" : "(?!)")));
        }
    }

    // Protects: files stay small enough to be read whole.
    [Fact]
    public void No_source_file_is_long() => AssertNone(
        SourceTree.Files.Where(f => f.EndsWith(".cs", StringComparison.Ordinal) || f.EndsWith(".c", StringComparison.Ordinal))
            .Where(f => SourceTree.Lines(f).Length > (f.StartsWith("Validator.Tests/", StringComparison.Ordinal) ? MostLinesOfTests : MostLines)));

    // Protects: lines stay as long as .editorconfig says. Comments do; of code above it there must not be more.
    [Fact]
    public void Lines_do_not_get_longer()
    {
        AssertNone(Matches(SourceTree.Sources, new Regex($@"^(?=.{{{Width + 1}}})\s*//")));
        Assert.InRange(SourceTree.Sources.SelectMany(SourceTree.Lines).Count(l => l.Length > Width), 0, MostLongLines);
    }

    // Protects: tests are named in one way, as sentences, and each says in a comment what it protects.
    [Fact]
    public void Tests_are_named_as_sentences()
    {
        List<string> others = [];
        int seen = 0;
        foreach (string file in SourceTree.Sources.Where(f => f.StartsWith("Validator.Tests/", StringComparison.Ordinal)))
        {
            string[] lines = SourceTree.Lines(file);
            for (int i = 0; i < lines.Length; i++)
            {
                if (Regex.IsMatch(lines[i], @"^    \[\w*(Fact|Theory)\b"))
                {
                    int name = Array.FindIndex(lines, i, l => l.StartsWith("    public ", StringComparison.Ordinal));
                    seen++;
                    if (!Regex.IsMatch(lines[name], @" [A-Z]\w*_\w+\(") || !lines[i - 1].StartsWith("    //", StringComparison.Ordinal))
                    {
                        others.Add($"{file}:{name + 1}: {lines[name].Trim()}");
                    }
                }
            }
        }

        Assert.Equal([], others);
        Assert.InRange(seen, 500, int.MaxValue);
    }

    // Protects: code has one project, and others refer to that.
    [Fact]
    public void No_project_compiles_files_of_another()
    {
        string[] projects = [.. SourceTree.Files.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal))];
        Assert.NotEmpty(projects);
        AssertNone(Matches(projects, new Regex("""<Compile\s+Include="[^"]*\.\./""")));
    }

    // Protects: nothing half done is merged. The words are spelled apart so that this file passes.
    [Fact]
    public void Nothing_is_left_for_later()
    {
        Regex later = new(@"\b(TO" + @"DO|FIX" + @"ME|XX" + @"X|HA" + @"CK|NotImplemented" + @"Exception)\b");
        AssertNone(Matches(SourceTree.Files.Where(f => !f.EndsWith(".json", StringComparison.Ordinal)), later));
    }

    // Protects: a shell script that stops at the first failure stops at each. A negated command alone on a line never stops it,
    // whatever it finds.
    [Fact]
    public void No_shell_line_begins_with_a_negation() => AssertNone(Matches(
        SourceTree.Files.Where(f => Path.GetExtension(f) is ".sh" or ".cs"), new Regex(@"^\s*! \S")));

    // Protects: native code is linked under one logical name, statically in a published binary. The C
    // library's functions are found through it too, so that no second way of loading is needed.
    [Fact]
    public void Native_imports_use_the_logical_name()
    {
        string[] shipped = [.. SourceTree.Sources.Where(f => !f.StartsWith("Validator.Tests/", StringComparison.Ordinal))];
        AssertNone(Matches(shipped, new Regex(@"\bDllImport\b|\bLibraryImport\((?!Library\b|""validator_native"")")));
        AssertNone(Matches(shipped, new Regex(@"\bstring Library = (?!""validator_native"";)")));
    }

    // Protects: names are resolved in one place (Validator.Net/Discovery/NameResolver.cs), and every HTTP client goes through it.
    // The runtime's own resolver is the C library's, which loads modules of the host into a static binary.
    [Fact]
    public void Names_are_resolved_in_one_place()
    {
        string[] shipped = [.. SourceTree.Sources.Where(f => !f.StartsWith("Validator.Tests/", StringComparison.Ordinal) && !f.EndsWith("Primitives/HttpHandlers.cs", StringComparison.Ordinal))];
        AssertNone(Matches(shipped, new Regex(@"\bDns\.Get|\bDnsEndPoint\b|\bnew (SocketsHttpHandler|HttpClientHandler|ClientWebSocket|TcpClient|UdpClient)\b|HttpClient> \w+ = new\(\)|new HttpClient\(\)")));
    }

    // Protects clients, who decide by a problem's type what to do: API.md has all that the API answers with.
    [Fact]
    public void Problem_types_are_documented()
    {
        string api = string.Join('\n', SourceTree.Lines("docs/API.md"));
        string[] types = [.. SourceTree.Sources.Where(f => f.StartsWith("Validator.Host/Api/", StringComparison.Ordinal))
            .SelectMany(f => Regex.Matches(string.Join('\n', SourceTree.Lines(f)), "\"([a-z]+(?:-[a-z]+)*)\", \"[A-Z]"))
            .Select(m => m.Groups[1].Value).Distinct()];
        Assert.InRange(types.Length, 30, 100);
        Assert.Equal([], types.Where(type => !api.Contains($"`{type}`", StringComparison.Ordinal)));
    }

    // Protects: numbers from outside are digits and nothing else. The framework's readers let NULs follow, and most of them
    // blanks and signs.
    [Fact]
    public void Numbers_are_read_in_one_place()
    {
        string[] shipped = [.. SourceTree.Sources.Where(f => f.StartsWith("Validator.", StringComparison.Ordinal)
            && !f.StartsWith("Validator.Tests/", StringComparison.Ordinal) && !f.StartsWith("Validator.Bench/", StringComparison.Ordinal)
            && !f.EndsWith("Primitives/StrictNumber.cs", StringComparison.Ordinal))];
        AssertNone(Matches(shipped, new Regex(@"\b(s?byte|u?short|u?int|u?long|float|double|decimal|U?Int128|BigInteger)\.(Try)?Parse\(|\bUtf8Parser\b|\bIPEndPoint\.TryParse\(")));
    }

    // Protects: one commit gives the same bytes. The framework's generator orders classes differently from build to build.
    [Fact]
    public void Generated_lines_of_the_log_are_in_one_class() => Assert.Single(
        SourceTree.Sources, f => f.StartsWith("Validator.Host/", StringComparison.Ordinal)
            && SourceTree.Lines(f).Any(line => line.TrimStart().StartsWith("[LoggerMessage(", StringComparison.Ordinal)));

    // Protects: no file is read without a bound, and no JSON in which a member may come twice.
    [Fact]
    public void Files_and_json_are_read_in_one_place()
    {
        string[] shipped = [.. SourceTree.Sources.Where(f => f.StartsWith("Validator.Host/", StringComparison.Ordinal)
            && !f.EndsWith("/InputFile.cs", StringComparison.Ordinal) && !f.EndsWith("/AnswerJson.cs", StringComparison.Ordinal))];
        AssertNone(Matches(shipped, new Regex(@"\bFile\.(ReadAll|ReadLines|OpenText)|FromPemFile\(|\bJson(Document|Node)\.Parse\(")));
        AssertNone(shipped.Where(f => Has(f, "[JsonSourceGenerationOptions(") && !Has(f, "AllowDuplicateProperties = false")));

        static bool Has(string file, string words) => SourceTree.Lines(file).Any(l => l.Contains(words, StringComparison.Ordinal));
    }

    // Protects: the tree builds anywhere, and tells nothing of where it was written.
    [Fact]
    public void No_machine_is_named()
    {
        string[] machines =
        [
            @"(?<![\w./-])/(work|home|Users|root)/", @"(?<![\w.-])/tmp/[a-z]+/", @"[A-Z]:\\\\?Users",
            @"https?://[\w.-]*(nuget|artifactory|jfrog|nexus|pypi|npmjs)[\w.-]*", @"NUGET_[A-Z_]*=http",
        ];
        AssertNone(Matches(
            SourceTree.Files.Where(f => !f.EndsWith("Tidy/TidyTests.cs", StringComparison.Ordinal)), new Regex(string.Join('|', machines))));
    }

    // Protects: a decision has one number, and the list has them all.
    [Fact]
    public void Decisions_are_numbered_in_one_row()
    {
        string[] files = [.. SourceTree.Files.Where(f => Regex.IsMatch(f, @"^docs/decisions/\d{4}-[a-z0-9-]+\.md$"))];
        Assert.Equal(Enumerable.Range(1, files.Length), files.Select(f => int.Parse(Path.GetFileName(f)[..4], CultureInfo.InvariantCulture)));
        string[] listed = [.. SourceTree.Lines("docs/decisions/README.md").Where(l => Regex.IsMatch(l, @"^\| \d"))];
        Assert.Equal(files.Select(Path.GetFileName), listed.Select(l => Regex.Match(l, @"\(([^)]+\.md)\)").Groups[1].Value));
        foreach ((string file, string line) in files.Zip(listed))
        {
            string title = Regex.Match(line, @"\[(.+)\]\(").Groups[1].Value;
            Assert.Equal($"# {int.Parse(Path.GetFileName(file)[..4], CultureInfo.InvariantCulture)}. {title}", SourceTree.Lines(file)[0]);
        }
    }

    // Protects: documents that send their reader somewhere send them to what is there.
    [Fact]
    public void Links_of_documents_lead_to_files()
    {
        foreach (string file in SourceTree.Files.Where(f => f.EndsWith(".md", StringComparison.Ordinal)))
        {
            foreach (Match link in SourceTree.Lines(file).SelectMany(l => Regex.Matches(l, @"\]\((?!https?:|#)([^)#\s]+)")))
            {
                string target = Path.Combine(SourceTree.Root, Path.GetDirectoryName(file)!, link.Groups[1].Value);
                Assert.True(File.Exists(target) || Directory.Exists(target), $"{file}: {link.Groups[1].Value} is not there");
            }
        }
    }

    // Protects: and where they name a part of it, to that part.
    [Fact]
    public void Links_of_documents_lead_to_headings()
    {
        List<string> dead = [];
        int seen = 0;
        foreach (string file in SourceTree.Files.Where(f => f.EndsWith(".md", StringComparison.Ordinal)))
        {
            foreach (Match link in SourceTree.Lines(file).SelectMany(l => Regex.Matches(l, @"\]\((?!https?:)([^)#\s]*\.md)?#([^)\s]+)\)")))
            {
                string target = link.Groups[1].Success ? Path.Combine(Path.GetDirectoryName(file)!, link.Groups[1].Value) : file;
                seen++;
                if (!SourceTree.Lines(target).Where(l => l.StartsWith('#')).Any(l => AnchorOf(l) == link.Groups[2].Value))
                {
                    dead.Add($"{file}: {link.Value}");
                }
            }
        }

        Assert.Equal([], dead);
        Assert.InRange(seen, 50, int.MaxValue);

        static string AnchorOf(string heading) =>
            Regex.Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), @"[^\w\- ]", "").Replace(' ', '-');
    }

    // Protects: what travels between Core and the shell says what it is (decision 83). A field that anybody may set, or a value
    // that is only there for some cases, brings back the struct of which only some fields count.
    [Fact]
    public void What_travels_has_no_open_fields()
    {
        IEnumerable<Type> types = new[] { typeof(ValidatorCore).Assembly, typeof(OwnPayload).Assembly }.SelectMany(a => a.GetTypes())
            .Where(t => t.Namespace is "Validator.Core.Effects" or "Validator.Core.Shell" || t == typeof(OwnPayload));
        AssertNone(types.Where(t => !t.IsEnum && !t.IsNestedPrivate)
            .SelectMany(t => t.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Where(f => !f.IsPrivate && !f.IsInitOnly).Select(f => $"{f.DeclaringType}.{f.Name}"));
        string[] files = [.. SourceTree.Sources.Where(f => Regex.IsMatch(f, "^Validator.Core/(Effects|Shell)/") || f.EndsWith("/OwnPayload.cs", StringComparison.Ordinal))];
        Assert.NotEmpty(files);
        AssertNone(Matches(files, new Regex(@"[\w)\]]!(?!=)")));
    }

    // Protects: the rules lead to the code that is shipped, never to tests or the simulator. Where a symbol or a file is renamed,
    // what PROTOCOL.md cites goes along.
    [Fact]
    public void The_protocol_cites_what_is_shipped()
    {
        string[] sources = [.. SourceTree.Sources.Where(f => Regex.IsMatch(f, @"^Validator\.(Core|Host|Net|Crypto\.Simd)/"))];
        HashSet<string> words = [.. sources.SelectMany(f => SourceTree.Lines(f)).SelectMany(l => Regex.Matches(l, @"\w+")).Select(m => m.Value)];
        foreach (string name in Cited("Validator.Core/PROTOCOL.md"))
        {
            bool there = name.EndsWith(".cs", StringComparison.Ordinal)
                ? sources.Any(f => f.EndsWith("/" + name, StringComparison.Ordinal) || f == "Validator." + name)
                : name.Contains('/') ? SourceTree.Files.Any(f => f.Contains(name, StringComparison.Ordinal)) : name.Split('.').All(words.Contains);
            Assert.True(there, $"PROTOCOL.md cites {name}, which is not in what is shipped");
        }
    }

    // Protects the same of every other document, decisions too: a source file is there, and a member is in the file of its class.
    [Fact]
    public void Documents_cite_files_and_members_that_are_there()
    {
        string[] sources = [.. SourceTree.Sources.Where(f => f.StartsWith("Validator.", StringComparison.Ordinal))];
        ILookup<string, string> byClass = sources.ToLookup(f => Path.GetFileName(f).Split('.')[0]);
        string[] documents = [.. SourceTree.Files.Where(f => f.EndsWith(".md", StringComparison.Ordinal)
            && (f.StartsWith("docs/", StringComparison.Ordinal) || f is "README.md" or "CONTRIBUTING.md" or "Validator.Core/PROTOCOL.md"))];
        Assert.NotEmpty(documents);
        foreach (string document in documents)
        {
            foreach (string name in Cited(document))
            {
                string[] parts = name.Split('.');
                bool there = parts is [.., "cs"] ? sources.Any(f => f.EndsWith("/" + name, StringComparison.Ordinal) || f == name || f == "Validator." + name)
                    : parts is not [var type, var member] || !byClass.Contains(type)
                        || byClass[type].SelectMany(SourceTree.Lines).Any(l => Regex.IsMatch(l, $@"\b{member}\b"));
                Assert.True(there, $"{document} cites {name}, which is not there");
            }
        }
    }

    /// <summary>Names of code in a document.</summary>
    private static IEnumerable<string> Cited(string document) => SourceTree.Lines(document)
        .SelectMany(l => Regex.Matches(l, @"`(?<name>(\w+/)*(_[a-z]|[A-Z])\w*(\.\w+)*)`")).Select(m => m.Groups["name"].Value).Distinct();

    // Protects: whatever make promises it does. A target that is phony and has no recipe ends well and does nothing.
    [Fact]
    public void Every_make_target_has_a_recipe()
    {
        string[] lines = SourceTree.Lines("Makefile");
        string[] targets = lines.First(l => l.StartsWith(".PHONY:", StringComparison.Ordinal))[".PHONY:".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("chaos", targets);
        Assert.All(targets, target => Assert.Contains(lines, l => l.StartsWith($"{target}:", StringComparison.Ordinal)));
    }

    private static bool IsRuntime(AssemblyName name) =>
        name.Name!.StartsWith("System.", StringComparison.Ordinal) || name.Name is "System" or "netstandard" or "mscorlib";

    private static string[] Includes(XDocument project, string item) =>
        [.. project.Descendants(item).Select(e => e.Attribute("Include")!.Value.Replace('\\', '/'))];

    private static IEnumerable<string> Matches(IEnumerable<string> files, Regex pattern) =>
        from file in files
        from line in SourceTree.Lines(file).Select((text, i) => (Text: text, Number: i + 1))
        where pattern.IsMatch(line.Text)
        select $"{file}:{line.Number}: {line.Text.Trim()}";

    private static void AssertNone(IEnumerable<string> found) => Assert.Equal([], found);
}
