namespace Validator.Host.Cli;

/// <summary>
/// Ties a child to its parent: the parent holds the other end of standard input, and when that ends, whatever the reason,
/// the child stops.
/// </summary>
public static class StdinWatch
{
    /// <summary>Calls <paramref name="stop"/> once, from a background thread, when standard input has ended.</summary>
    public static void Start(Action stop)
    {
        Thread thread = new(() =>
        {
            using Stream input = Console.OpenStandardInput();
            Span<byte> ignored = stackalloc byte[64];
            try
            {
                while (input.Read(ignored) > 0)
                {
                }
            }
            catch (IOException)
            {
                // As good as ended.
            }

            stop();
        })
        {
            IsBackground = true,
            Name = "stdin",
        };
        thread.Start();
    }
}
