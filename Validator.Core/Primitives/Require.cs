using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Validator.Core.Primitives;

/// <summary>A broken invariant of our own: the process must stop before it signs anything more.</summary>
public sealed class InvariantViolationException(string message) : Exception(message);

/// <summary>Assertions that also hold in release builds. For our own invariants only; a peer's fault is a value.</summary>
public static class Require
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void That(
        [DoesNotReturnIf(false)] bool condition,
        [CallerArgumentExpression(nameof(condition))] string invariant = "",
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        if (!condition)
        {
            Fail(invariant, file, line);
        }
    }

    /// <summary>A body that its kind says is a <typeparamref name="T"/>, as one.</summary>
    public static T Is<T>(
        object? body,
        [CallerArgumentExpression(nameof(body))] string name = "",
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
        where T : class
    {
        That(body is T, name, file, line);
        return (T)body;
    }

    [DoesNotReturn]
    public static void Fail(string invariant, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        int slash = file.LastIndexOfAny(['/', '\\']);
        throw new InvariantViolationException($"invariant broken: {invariant} ({file[(slash + 1)..]}:{line})");
    }
}
