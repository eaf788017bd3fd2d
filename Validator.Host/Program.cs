namespace Validator.Host;

internal static class Program
{
    private static int Main()
    {
        Console.WriteLine("validator");
        return 0;
    }
}
