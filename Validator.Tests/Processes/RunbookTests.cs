using Validator.Tests.Tidy;

namespace Validator.Tests.Processes;

/// <summary>
/// docs/runbooks, every block of commands, on clusters of four whose operators have a machine each. What a machine has and a test
/// has not is played by functions: systemd and its journal, and the user that the package makes.
/// </summary>
[Collection(nameof(ProcessTests))]
public sealed class RunbookTests
{
    private const string Ready = "validator ready --wait 1m --config /etc/validator/node.toml";

    private const string Machine = """
        running() { [ -n "${pid[$me]}" ] && kill -0 ${pid[$me]} 2>/dev/null; }
        runuser() { [ "$1 $2 $3" = "-u validator --" ] && shift 3 && "$@"; }
        chown() { [ $# -gt 1 ]; }
        journalctl() { [ "$1 $2" = "-u validator" ] && cat ../log; }
        systemctl() {
            case $1 in
                start | enable)
                    if running; then return; fi
                    start $me
                    $binary health --wait 1m --config ../etc/node.toml >/dev/null ;;
                stop) if running; then stop $me; fi ;;
                restart) systemctl stop && systemctl start ;;
                reload) kill -HUP ${pid[$me]} ;;
                status | show) running ;;
                reset-failed) ;;
                *) return 1 ;;
            esac
        }
        """;

    /// <summary>A chain with trust, so that what asks for it has an answer; its weights stay those of genesis.</summary>
    private const string Genesis = """
        echo '{"weights": "fixed"}' >trust.json
        validator genesis build --network test --member alice.json --member bob.json --member carol.json --member dave.json \
            --trust trust.json --out genesis.json
        for name in bob carol dave; do cp genesis.json ../../$name/etc/; done
        cp genesis.json ../etc/
        """;

    /// <summary>Backups into a folder, and the first one made.</summary>
    private const string Backups = """
        validator backup keygen --out ../backup.key
        printf '\n[backup]\nschedule = "6h"\narchive = true\ntarget = "%s"\n' $PWD/../backups >>../etc/node.toml
        printf 'encryption_key = "%s"\n' $PWD/../backup.key.pub >>../etc/node.toml
        systemctl restart validator
        until validator backup list --config ../etc/node.toml | grep -q '^1 full'; do sleep 0.2; done
        """;

    /// <summary>Pages that each of the two tests goes through to the last block; a test wants all pages in one of them.</summary>
    internal static readonly string[] Watching =
    [
        "README", "stalled", "peers", "not-ready", "clock", "signed-twice", "disk", "backups", "incident-response", "down",
        "chain-halted", "key-compromise",
    ];
    internal static readonly string[] Losing = ["deployment", "quorum-lost", "follows", "upgrade", "disaster-recovery"];

    private readonly Dictionary<string, List<string>> _pages = [];

    // Protects who is called at night: what each page asks of a validator that runs has an answer, its steps do on a live cluster
    // what they say, and end with the validator ready. A halted chain and other keys take more hands than one.
    [Fact]
    public async Task Pages_that_watch_and_mend_can_be_followed()
    {
        using OperatorScript script = new();
        SetUp(script);
        As(script, "alice", Backups);
        foreach (string page in Watching[..^2])
        {
            Rest(script, "alice", page);
        }

        // There is no fork, and each step says so; ForkTests has one. One validator whose execution differs is put right.
        string propose = Take("chain-halted", "validator fork propose"), sign = Take("chain-halted", "validator fork sign");
        string apply = Take("chain-halted", "validator fork apply"), over = Take("chain-halted", "validator ready");
        string diverged = Take("chain-halted", "validator version");
        Rest(script, "alice", "chain-halted");
        As(script, "alice", "cp alice.branch bob.branch");
        As(script, "alice", $"{propose} && exit 1 || [ $? = 1 ]");
        As(script, "alice", $"{sign} && exit 1 || [ $? = 2 ]");
        As(script, "alice", $"{apply} && exit 1 || [ $? = 2 ]");
        As(script, "alice", "touch halted");
        As(script, "alice", diverged);
        As(script, "alice", over);

        string change = Take("key-compromise", "validator committee propose keys");
        string signature = Take("key-compromise", "validator committee sign"), submit = Take("key-compromise", "validator committee submit");
        string leave = Take("key-compromise", "validator committee propose leave"), restart = Take("key-compromise", "systemctl stop");
        string keygen = Take("key-compromise", "/usr/bin/validator keygen"), look = Take("key-compromise", "validator status");
        As(script, "alice", look);
        As(script, "alice", keygen);
        As(script, "bob", "cp ../../alice/etc/keys-2/alice.json .");
        As(script, "bob", change);
        InTurn(script, "change.json", signature);
        As(script, "bob", submit);
        As(script, "alice", restart);
        // The new key counts from the next epoch on.
        As(script, "alice", """until validator status --config ../etc/node.toml | grep -q '"signing": true'; do sleep 0.2; done""");
        Rest(script, "alice", "key-compromise");
        As(script, "alice", "[ -d db/votes ] && ls -d db/votes-of-*");
        As(script, "bob", leave);
        AssertTaken(Watching);
        await script.RunAsync(280);
    }

    // Protects who has lost something: by the pages' own lines a committee that cannot go on does, and a validator without its
    // votes, its ledger, its disk or its new binary signs again.
    [Fact]
    public async Task Pages_that_bring_back_can_be_followed()
    {
        using OperatorScript script = new();
        SetUp(script);

        // Each authors something: a ledger without own vertices does not prove that it was there before the loss.
        Array.ForEach(OperatorScript.Operators, n => As(script, n, $"validator submit 'before, {n}' --wait --config /etc/validator/node.toml"));
        string[] gone = ["alice", "bob"], kept = ["carol", "dave"];
        string see = Take("quorum-lost", "validator status"), lost = Take("quorum-lost", "systemctl stop validator\nvalidator votes lost");
        string statement = Take("quorum-lost", "systemctl stop validator\nvalidator votes statement");
        string recreate = Take("quorum-lost", "validator votes recreate");
        foreach (string name in gone)
        {
            As(script, name, $"stop {name} -9; rm -r db/votes");
            As(script, name, lost.Replace("alice", name, StringComparison.Ordinal));
            As(script, name, $"cp {name}.lost ../../carol/var/; cp {name}.lost ../../dave/var/");
        }

        As(script, "carol", see);
        foreach (string name in kept)
        {
            As(script, name, statement.Replace("carol", name, StringComparison.Ordinal));
            As(script, name, $"cp {name}.statement ../../alice/var/; cp {name}.statement ../../bob/var/");
        }

        Array.ForEach(gone, n => As(script, n, recreate));
        Rest(script, "alice", "quorum-lost");
        As(script, "bob", Ready);

        // A damaged vote store, and the epochs that end it.
        string propose = Take("follows", "validator committee show"), sign = Take("follows", "validator committee sign");
        string submit = Take("follows", "validator committee submit"), aside = Take("follows", "systemctl stop");
        As(script, "alice", aside);
        As(script, "alice", Take("follows", "validator status"));
        SignAgain();
        Rest(script, "alice", "follows");

        string[] upgraded = ["validator version\nvalidator status", "systemctl stop validator\nmv"];
        (string over, string back) = (Take("upgrade", upgraded[0]), Take("upgrade", upgraded[1]));
        Rest(script, "alice", "upgrade");
        As(script, "alice", back);
        As(script, "alice", "ls db/votes.restored");
        SignAgain();
        As(script, "alice", over);

        string ledger = Take("disaster-recovery", "systemctl stop"), votes = Take("disaster-recovery", "chown");
        string copy = Take("disaster-recovery", "validator votes mark-restored");
        As(script, "alice", Take("disaster-recovery", "systemctl status"));
        As(script, "alice", ledger);
        As(script, "alice", "systemctl stop validator; rm -r db; cp -a ../etc ../etc.kept");
        As(script, "alice", votes);
        As(script, "alice", "[ ! -d db/votes ]");
        SignAgain();
        As(script, "alice", "systemctl stop validator");
        As(script, "alice", copy);
        SignAgain();
        Rest(script, "alice", "disaster-recovery");
        AssertTaken(Losing);
        await script.RunAsync(280);

        // Two epochs end, and who follows signs again.
        void SignAgain()
        {
            for (int i = 0; i < 2; i++)
            {
                As(script, "bob", "rm -f epoch.json; before=$(validator status --config ../etc/node.toml | grep '\"epoch\"')");
                As(script, "bob", propose);
                InTurn(script, "epoch.json", sign);
                As(script, "bob", submit);
                As(script, "bob", "for i in {1..100}; do validator status --config ../etc/node.toml | grep -qF \"$before\" || break; sleep 0.2; done; [ $i -lt 100 ]");
            }

            As(script, "alice", "for i in {1..300}; do validator status --config ../etc/node.toml | grep -q '\"signing\": true' && break; sleep 0.2; done; [ $i -lt 300 ]");
            Array.ForEach(OperatorScript.Operators, n => As(script, n, Ready));
        }
    }

    /// <summary>Four validators, as deployment.md makes them.</summary>
    private void SetUp(OperatorScript script)
    {
        string[] operators = OperatorScript.Operators;
        string config = DocumentCommandTests.Blocks("docs/OPERATIONS.md").Where(b => b.Kind == "toml").Select(b => string.Join('\n', b.Lines)).Single();
        string keygen = Take("deployment", "/usr/bin/validator keygen"), verify = Take("deployment", "validator genesis verify");
        string see = Take("deployment", "validator version"), votes = Take("deployment", "validator votes create");
        string start = Take("deployment", "systemctl enable"), over = Take("deployment", "validator ready");
        script.Add(Machine);
        As(script, "alice", see);
        foreach (string name in operators)
        {
            As(script, name, keygen.Replace("alice", name, StringComparison.Ordinal));
            As(script, name, $"cp ../etc/keys/{name}.json ../../alice/var/");
        }

        As(script, "alice", Genesis);
        foreach (string name in operators)
        {
            As(script, name, verify);
            As(script, name, $"cat >../etc/node.toml <<'END'\n{OperationsTests.Swap(config, name)}\nEND");
            As(script, name, votes);
            As(script, name, start);
        }

        Array.ForEach(operators, n => As(script, n, Ready));
        As(script, "alice", over);
    }

    /// <summary>At bob's, carol's and dave's, on the one file, which ends at bob's.</summary>
    private void InTurn(OperatorScript script, string file, string sign)
    {
        foreach (string name in OperatorScript.Operators[1..])
        {
            As(script, name, $"[ {name} = bob ] || cp ../../bob/var/{file} .");
            As(script, name, sign);
            As(script, name, $"[ {name} = bob ] || cp {file} ../../bob/var/");
        }
    }

    /// <summary>After the lines that each page wants typed first.</summary>
    private void As(OperatorScript script, string name, string lines) => script.As(name, $"{Page("README")[0]}\n{lines}");

    /// <summary>What is left of a page, from top to bottom.</summary>
    private void Rest(OperatorScript script, string name, string page)
    {
        Page(page).ForEach(block => As(script, name, block));
        if (page != "README")
        {
            Page(page).Clear();
        }
    }

    private string Take(string page, string begins)
    {
        int at = Page(page).FindIndex(b => b.StartsWith(begins, StringComparison.Ordinal));
        Assert.True(at >= 0, $"no block of {page} begins with {begins}");
        string text = Page(page)[at];
        Page(page).RemoveAt(at);
        return text;
    }

    private void AssertTaken(string[] pages) => Assert.Equal([], pages.Where(page => page != "README").SelectMany(Page));

    private List<string> Page(string name)
    {
        if (!_pages.TryGetValue(name, out List<string>? blocks))
        {
            _pages[name] = blocks = [.. DocumentCommandTests.Blocks($"docs/runbooks/{name}.md")
                .Where(b => b.Kind == "commands").Select(b => string.Join('\n', b.Lines))];
        }

        return blocks;
    }
}
