using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Validator.Host.Tools.Load;

/// <summary>
/// The transactions of one load run, each a function of (seed, run, number) alone: the generator keeps none of them, and whoever
/// reads a stream recognises a transaction, knows when it was due and checks every byte of it.
/// Bytes: number masked (8 B) | tag (8 B) | words of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
/// </summary>
public sealed class TransactionPattern
{
    /// <summary>Room for number and tag.</summary>
    public const int MinSize = 16;

    private const ulong Golden = 0x9E3779B97F4A7C15;

    private readonly ulong _mask;
    private readonly ulong _tagKey;
    private readonly ulong _bodyKey;

    /// <param name="size">Bytes of each transaction, at least <see cref="MinSize"/>.</param>
    /// <param name="run">Different for each run: the same bytes again would be repeats on a chain that has them.</param>
    public TransactionPattern(ulong seed, int size, ulong run = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, MinSize);
        Size = size;
        seed ^= Mix(run);
        _mask = Mix(seed + Golden);
        _tagKey = Mix(unchecked(seed + (2 * Golden)));
        _bodyKey = Mix(unchecked(seed + (3 * Golden)));
    }

    public int Size { get; }

    /// <param name="destination">Exactly <see cref="Size"/> bytes.</param>
    public void Fill(ulong number, Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(destination, number ^ _mask);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[8..], Tag(number));
        ulong state = Mix(number ^ _bodyKey);
        Span<byte> body = destination[MinSize..];
        for (; body.Length >= 8; body = body[8..])
        {
            BinaryPrimitives.WriteUInt64LittleEndian(body, Mix(state += Golden));
        }

        LastBytes(body, state);
    }

    /// <summary>Reads the number of a transaction of this run; false for anything else.</summary>
    public bool TryRecognise(ReadOnlySpan<byte> transaction, out ulong number)
    {
        number = 0;
        if (transaction.Length < MinSize)
        {
            return false;
        }

        number = BinaryPrimitives.ReadUInt64LittleEndian(transaction) ^ _mask;
        return BinaryPrimitives.ReadUInt64LittleEndian(transaction[8..]) == Tag(number);
    }

    /// <summary>Whether these are transaction <paramref name="number"/>'s bytes, all of them.</summary>
    public bool IsIntact(ulong number, ReadOnlySpan<byte> transaction)
    {
        if (transaction.Length != Size || !TryRecognise(transaction, out ulong found) || found != number)
        {
            return false;
        }

        ulong state = Mix(number ^ _bodyKey);
        ReadOnlySpan<byte> body = transaction[MinSize..];
        for (; body.Length >= 8; body = body[8..])
        {
            if (BinaryPrimitives.ReadUInt64LittleEndian(body) != Mix(state += Golden))
            {
                return false;
            }
        }

        Span<byte> last = stackalloc byte[8];
        LastBytes(last[..body.Length], state);
        return body.SequenceEqual(last[..body.Length]);
    }

    private ulong Tag(ulong number) => Mix(number ^ _tagKey);

    private static void LastBytes(Span<byte> rest, ulong state)
    {
        ulong word = BitConverter.IsLittleEndian
            ? Mix(state + Golden)
            : BinaryPrimitives.ReverseEndianness(Mix(state + Golden));
        MemoryMarshal.AsBytes(new ReadOnlySpan<ulong>(in word))[..rest.Length].CopyTo(rest);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
