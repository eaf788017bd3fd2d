using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Core.Effects;

/// <summary>
/// Collects the effects of one or several inputs, in order, by a method for each case, and hands them to an
/// <see cref="IEffectHandler"/>. Reused: no allocation once grown.
/// </summary>
public sealed class EffectBuffer
{
    private enum Case : byte
    {
        Sign,
        SignBlock,
        SignVertex,
        SignViewChange,
        SignNewView,
        PersistBlock,
        PersistPrepared,
        PersistEntered,
        StoreVertex,
        DropVertex,
        DropBatch,
        Send,
        BatchCredit,
        Execute,
        StoreManifest,
        StoreChunk,
        DropSnapshot,
        InstallSnapshot,
        StoreEpochEnd,
        Evidence,
        EndEpoch,
        SignFrom,
        Contradicted,
        ViewChanged,
        LevelReached,
        ForkChanged,
        VoteTaken,
        CertificateMade,
        Rejected,
        Halt,
    }

    // One shape for all cases, since most are votes: an object for each would be an allocation. Only this class knows which field
    // is what.
    private struct Entry
    {
        public Case Case;
        public Reason Reason;
        public int Member;
        public ulong Number;
        public SignedHeader Header;
        public object? Body;
        public object? Order;
        public object? Certificate;
    }

    private Entry[] _items = new Entry[64];

    public int Count { get; private set; }

    /// <summary>Hands over each, in order; the only place that tells them apart. They stay until <see cref="Clear"/>.</summary>
    /// <returns>False when the handler ended it.</returns>
    public bool Drain<THandler>(THandler handler)
        where THandler : IEffectHandler
    {
        for (int i = 0; i < Count; i++)
        {
            if (!handler.Goes())
            {
                return false;
            }

            Hand(in _items[i], handler);
        }

        return true;
    }

    public void Clear()
    {
        Array.Clear(_items, 0, Count);
        Count = 0;
    }

    internal void Sign(in SignedHeader header) => Add(Case.Sign).Header = header;

    internal void SignBlock(in SignedHeader header, Block block)
    {
        ref Entry entry = ref Add(Case.SignBlock);
        entry.Header = header;
        entry.Body = block;
    }

    internal void SignVertex(in SignedHeader header, VertexHeader vertex, ulong token)
    {
        ref Entry entry = ref Add(Case.SignVertex);
        entry.Header = header;
        entry.Body = vertex;
        entry.Number = token;
    }

    internal void SignViewChange(UnsignedViewChange change) => Add(Case.SignViewChange).Body = change;

    internal void SignNewView(UnsignedNewView newView) => Add(Case.SignNewView).Body = newView;

    internal void PersistBlock(Block block) => Add(Case.PersistBlock).Body = block;

    internal void PersistPrepared(Certificate certificate) => Add(Case.PersistPrepared).Body = certificate;

    internal void PersistEntered(NewView newView) => Add(Case.PersistEntered).Body = newView;

    internal void StoreVertex(ulong token) => Add(Case.StoreVertex).Number = token;

    internal void DropVertex(ulong token, Reason reason)
    {
        ref Entry entry = ref Add(Case.DropVertex);
        entry.Number = token;
        entry.Reason = reason;
    }

    internal void DropBatch(ulong token) => Add(Case.DropBatch).Number = token;

    internal void Send(int to, IMessage message)
    {
        ref Entry entry = ref Add(Case.Send);
        entry.Member = to;
        entry.Body = message;
    }

    internal void BatchCredit() => Add(Case.BatchCredit);

    internal void Execute(Block block, VertexHeader[] order, Certificate certificate)
    {
        ref Entry entry = ref Add(Case.Execute);
        entry.Body = block;
        entry.Order = order;
        entry.Certificate = certificate;
    }

    internal void StoreManifest(SnapshotManifest manifest) => Add(Case.StoreManifest).Body = manifest;

    internal void StoreChunk(SnapshotChunk chunk) => Add(Case.StoreChunk).Body = chunk;

    internal void DropSnapshot() => Add(Case.DropSnapshot);

    internal void InstallSnapshot(SnapshotManifest manifest) => Add(Case.InstallSnapshot).Body = manifest;

    internal void StoreEpochEnd(EpochEnd end) => Add(Case.StoreEpochEnd).Body = end;

    internal void Evidence(Evidence evidence) => Add(Case.Evidence).Body = evidence;

    internal void EndEpoch(Block last, ulong provenFrom)
    {
        ref Entry entry = ref Add(Case.EndEpoch);
        entry.Body = last;
        entry.Number = provenFrom;
    }

    internal void SignFrom(ulong epoch) => Add(Case.SignFrom).Number = epoch;

    internal void Contradicted() => Add(Case.Contradicted);

    internal void ViewChanged(ulong view, Reason reason)
    {
        ref Entry entry = ref Add(Case.ViewChanged);
        entry.Number = view;
        entry.Reason = reason;
    }

    internal void LevelReached(FinalityLevel level, ulong sequence)
    {
        ref Entry entry = ref Add(Case.LevelReached);
        entry.Member = (int)level;
        entry.Number = sequence;
    }

    internal void ForkChanged(Fork fork) => Add(Case.ForkChanged).Body = fork;

    internal void VoteTaken(PartialSignature outcome) => Add(Case.VoteTaken).Member = (int)outcome;

    internal void CertificateMade(long micros) => Add(Case.CertificateMade).Number = (ulong)micros;

    internal void Rejected(Reason reason, int from)
    {
        ref Entry entry = ref Add(Case.Rejected);
        entry.Reason = reason;
        entry.Member = from;
    }

    internal void Halt(Reason reason, Certificate? certificate, Certificate? conflicting)
    {
        ref Entry entry = ref Add(Case.Halt);
        entry.Reason = reason;
        entry.Body = certificate;
        entry.Certificate = conflicting;
    }

    private ref Entry Add(Case what)
    {
        if (Count == _items.Length)
        {
            Array.Resize(ref _items, 2 * Count);
        }

        ref Entry entry = ref _items[Count++];
        entry.Case = what;
        return ref entry;
    }

    private static void Hand<THandler>(in Entry entry, THandler handler)
        where THandler : IEffectHandler
    {
        switch (entry.Case)
        {
            case Case.Sign:
                handler.Sign(in entry.Header);
                break;
            case Case.SignBlock:
                handler.SignBlock(in entry.Header, Require.Is<Block>(entry.Body));
                break;
            case Case.SignVertex:
                handler.SignVertex(in entry.Header, Require.Is<VertexHeader>(entry.Body), entry.Number);
                break;
            case Case.SignViewChange:
                handler.SignViewChange(Require.Is<UnsignedViewChange>(entry.Body));
                break;
            case Case.SignNewView:
                handler.SignNewView(Require.Is<UnsignedNewView>(entry.Body));
                break;
            case Case.PersistBlock:
                handler.PersistBlock(Require.Is<Block>(entry.Body));
                break;
            case Case.PersistPrepared:
                handler.PersistPrepared(Require.Is<Certificate>(entry.Body));
                break;
            case Case.PersistEntered:
                handler.PersistEntered(Require.Is<NewView>(entry.Body));
                break;
            case Case.StoreVertex:
                handler.StoreVertex(entry.Number);
                break;
            case Case.DropVertex:
                handler.DropVertex(entry.Number, entry.Reason);
                break;
            case Case.DropBatch:
                handler.DropBatch(entry.Number);
                break;
            case Case.Send:
                handler.Send(entry.Member, Require.Is<IMessage>(entry.Body));
                break;
            case Case.BatchCredit:
                handler.BatchCredit();
                break;
            case Case.Execute:
                handler.Execute(Require.Is<Block>(entry.Body), Require.Is<VertexHeader[]>(entry.Order), Require.Is<Certificate>(entry.Certificate));
                break;
            case Case.ViewChanged:
                handler.ViewChanged(entry.Number, entry.Reason);
                break;
            case Case.LevelReached:
                handler.LevelReached((FinalityLevel)entry.Member, entry.Number);
                break;
            case Case.VoteTaken:
                handler.VoteTaken((PartialSignature)entry.Member);
                break;
            case Case.CertificateMade:
                handler.CertificateMade((long)entry.Number);
                break;
            case Case.Rejected:
                handler.Rejected(entry.Reason, entry.Member);
                break;
            default:
                HandRare(in entry, handler);
                break;
        }
    }

    private static void HandRare<THandler>(in Entry entry, THandler handler)
        where THandler : IEffectHandler
    {
        switch (entry.Case)
        {
            case Case.ForkChanged:
                handler.ForkChanged(Require.Is<Fork>(entry.Body));
                break;
            case Case.StoreManifest:
                handler.StoreManifest(Require.Is<SnapshotManifest>(entry.Body));
                break;
            case Case.StoreChunk:
                handler.StoreChunk(Require.Is<SnapshotChunk>(entry.Body));
                break;
            case Case.DropSnapshot:
                handler.DropSnapshot();
                break;
            case Case.InstallSnapshot:
                handler.InstallSnapshot(Require.Is<SnapshotManifest>(entry.Body));
                break;
            case Case.StoreEpochEnd:
                handler.StoreEpochEnd(Require.Is<EpochEnd>(entry.Body));
                break;
            case Case.Evidence:
                handler.Evidence(Require.Is<Evidence>(entry.Body));
                break;
            case Case.EndEpoch:
                handler.EndEpoch(Require.Is<Block>(entry.Body), entry.Number);
                break;
            case Case.SignFrom:
                handler.SignFrom(entry.Number);
                break;
            case Case.Contradicted:
                handler.Contradicted();
                break;
            case Case.Halt:
                handler.Halt(entry.Reason, entry.Body as Certificate, entry.Certificate as Certificate);
                break;
            default:
                Require.Fail("every effect is handed over");
                break;
        }
    }
}
