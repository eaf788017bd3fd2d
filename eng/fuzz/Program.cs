using SharpFuzz;
using Validator.Tests.Fuzz;

namespace Validator.Fuzz;

/// <summary>
/// One parser under afl-fuzz, which follows the branches that SharpFuzz marks in our assemblies; see eng/fuzz.sh. Marked code
/// writes to memory of afl-fuzz's: nothing of it may run before <see cref="Fuzzer.Run(Action{Stream})"/> has that memory.
/// </summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        switch (args)
        {
            case ["names"]:
                Console.WriteLine(string.Join('\n', ParserTargets.All().Select(target => target.Name)));
                return 0;

            case ["seeds", string name, string folder]:
                Directory.CreateDirectory(folder);
                byte[][] seeds = Target(name).Seeds();
                for (int i = 0; i < seeds.Length; i++)
                {
                    File.WriteAllBytes(Path.Combine(folder, $"{i:D4}"), seeds[i]);
                }

                return 0;

            case ["instrument", .. string[] assemblies]:
                foreach (string assembly in assemblies)
                {
                    int types = Fuzzer.Instrument(assembly, _ => true, Options.Value).Count();
                    Console.WriteLine($"fuzz: {Path.GetFileName(assembly)}: {types} types marked");
                }

                return 0;

            case ["run", string name]:
                Run(name);
                return 0;

            case ["replay", string name, .. string[] files]:
                return files.Count(file => !Replay(name, file)) == 0 ? 0 : 1;

            default:
                Console.Error.WriteLine("fuzz: names | seeds NAME FOLDER | instrument ASSEMBLY... | run NAME | replay NAME FILE...");
                return 2;
        }
    }

    private static ParserTarget Target(string name) => ParserTargets.All().Single(target => target.Name == name);

    private static void Run(string name)
    {
        byte[] buffer = new byte[1 << 20];
        Look? look = null;
        Fuzzer.Run(stream =>
        {
            look ??= Target(name).Begin();
            int length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            ParserTargets.LookAt(name, buffer.AsSpan(0, length), look);
        });
    }

    /// <summary>Tells how a kept input ends, in code that is not marked.</summary>
    private static bool Replay(string name, string file)
    {
        try
        {
            ParserTargets.LookAt(name, File.ReadAllBytes(file), Target(name).Begin());
            Console.WriteLine($"fuzz: {file}: survived");
            return true;
        }
        catch (InvalidOperationException e)
        {
            Console.WriteLine($"fuzz: {file}: {e}");
            return false;
        }
    }
}
