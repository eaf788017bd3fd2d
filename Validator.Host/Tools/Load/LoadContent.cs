using System.Buffers.Binary;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;

namespace Validator.Host.Tools.Load;

/// <summary>
/// What a load run sends: the pattern's bytes as they are (kind 0), or as the data of envelopes (kind 1) that were all signed
/// before the run, since making a signature costs ten times as much as checking one. An account's envelopes all go to one target,
/// in the order of their nonces.
/// </summary>
internal sealed class LoadContent : IDisposable
{
    private readonly TransactionPattern _pattern;
    private readonly int _targets;
    private readonly int _accountsPerTarget;
    private readonly MlDsa87Signer[] _signers;
    private readonly Hash256[] _accounts;
    private readonly ulong _firstNonce;
    private byte[][] _signatures = [];

    /// <param name="accounts">How many sign, at least one for each target; 0 for opaque transactions.</param>
    /// <param name="firstNonce">Above all that earlier runs with the same seed have used.</param>
    public LoadContent(TransactionPattern pattern, int targets, int accounts, ulong seed, ulong firstNonce)
    {
        _pattern = pattern;
        _targets = targets;
        _firstNonce = firstNonce;
        _accountsPerTarget = accounts == 0 ? 0 : Math.Max(1, accounts / targets);
        _signers = new MlDsa87Signer[targets * _accountsPerTarget];
        _accounts = new Hash256[_signers.Length];
        Span<byte> material = stackalloc byte[32];
        for (int i = 0; i < _signers.Length; i++)
        {
            material.Clear();
            BinaryPrimitives.WriteUInt64LittleEndian(material, seed);
            BinaryPrimitives.WriteInt32LittleEndian(material[8..], i);
            Blake3.DeriveKey("validator load account"u8, material[..12], material);
            _signers[i] = new MlDsa87Signer(material);
            _accounts[i] = EnvelopeCodec.AccountOf(_signers[i].PublicKey);
        }
    }

    public bool IsSigned => _signers.Length > 0;

    public TransactionKind Kind => IsSigned ? TransactionKind.Envelope : TransactionKind.Opaque;

    /// <summary>Bytes of a transaction as it is sent.</summary>
    public int Size => _pattern.Size + (IsSigned ? EnvelopeCodec.FixedBytes : 0);

    /// <summary>The accounts' public keys as a target must know them.</summary>
    public IEnumerable<byte[]> PublicKeys(int target) =>
        Enumerable.Range(target * _accountsPerTarget, _accountsPerTarget).Select(i => _signers[i].PublicKey.ToArray());

    /// <summary>Signs all of the run's transactions on every core: some 100 us and 4.6 KB each.</summary>
    public void Sign(Hash256 chainId, long total, CancellationToken cancellation)
    {
        byte[][] signatures = new byte[total][];
        ParallelOptions options = new() { CancellationToken = cancellation, MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.For(0, (total + 255) / 256, options, block =>
        {
            byte[] envelope = new byte[Size];
            byte[] data = new byte[_pattern.Size];
            Span<byte> preimage = stackalloc byte[EnvelopeCodec.PreimageBytes];
            for (long number = block * 256; number < Math.Min(total, (block + 1) * 256); number++)
            {
                Write((ulong)number, data, envelope);
                Require.That(EnvelopeCodec.TryRead(envelope, out Envelope read));
                EnvelopeCodec.WritePreimage(chainId, read, preimage);
                signatures[number] = new byte[Limits.SignatureBytes];
                _signers[AccountOf((ulong)number)].Sign(preimage, EnvelopeCodec.Context, signatures[number]);
            }
        });
        _signatures = signatures;
    }

    /// <param name="destination">Exactly <see cref="Size"/> bytes.</param>
    public void Fill(ulong number, Span<byte> destination)
    {
        if (!IsSigned)
        {
            _pattern.Fill(number, destination);
            return;
        }

        Write(number, destination.Slice(EnvelopeCodec.HeadBytes, _pattern.Size), destination);
        _signatures[number].CopyTo(destination[^Limits.SignatureBytes..]);
    }

    /// <summary>Reads the number of a transaction of this run; false for anything else.</summary>
    /// <param name="intact">Whether all bytes are those that were sent.</param>
    public bool TryRecognise(ReadOnlySpan<byte> transaction, out ulong number, out bool intact)
    {
        intact = false;
        if (!IsSigned)
        {
            if (!_pattern.TryRecognise(transaction, out number))
            {
                return false;
            }

            intact = _pattern.IsIntact(number, transaction);
            return true;
        }

        number = 0;
        if (!EnvelopeCodec.TryRead(transaction, out Envelope envelope) || !_pattern.TryRecognise(envelope.Data, out number)
            || number >= (ulong)_signatures.Length)
        {
            return false;
        }

        intact = _pattern.IsIntact(number, envelope.Data) && new Hash256(envelope.Account) == _accounts[AccountOf(number)]
            && envelope.Nonce == NonceOf(number) && envelope.Signature.SequenceEqual(_signatures[number]);
        return true;
    }

    public void Dispose()
    {
        foreach (MlDsa87Signer signer in _signers)
        {
            signer.Dispose();
        }
    }

    private void Write(ulong number, Span<byte> data, Span<byte> envelope)
    {
        _pattern.Fill(number, data);
        EnvelopeCodec.Write(envelope, _accounts[AccountOf(number)], NonceOf(number), data);
    }

    private int AccountOf(ulong number) =>
        (int)(((number % (ulong)_targets) * (ulong)_accountsPerTarget) + (number / (ulong)_targets % (ulong)_accountsPerTarget));

    private ulong NonceOf(ulong number) => _firstNonce + (number / (ulong)_targets / (ulong)_accountsPerTarget);
}
