using System.Runtime.CompilerServices;
using Validator.Core.Effects;
using Validator.Core.Primitives;
using Validator.Core.Trust;
using Validator.Core.Wire;

namespace Validator.Tests.Core;

/// <summary>What a buffer holds, by case.</summary>
internal sealed class EffectLog : IEffectHandler
{
    /// <summary>The name of each, in order, but of what is for counting votes alone.</summary>
    public List<string> Cases { get; } = [];

    public List<SignedHeader> Signed { get; } = [];

    public List<VertexHeader> Vertices { get; } = [];

    /// <summary>ViewChanges and NewViews that are to be signed.</summary>
    public List<object> Bodies { get; } = [];

    public List<(int To, IMessage Message)> Sent { get; } = [];

    public List<Block> Executed { get; } = [];

    public List<(FinalityLevel Level, ulong Sequence)> Levels { get; } = [];

    public List<Fork> Forks { get; } = [];

    public List<PartialSignature> Taken { get; } = [];

    public List<long> Made { get; } = [];

    public List<Evidence> Convicted { get; } = [];

    public List<(Reason Reason, Certificate? Certificate, Certificate? Conflicting)> Halts { get; } = [];

    public static EffectLog Of(EffectBuffer buffer)
    {
        EffectLog log = new();
        Assert.True(buffer.Drain(log));
        return log;
    }

    public bool Goes() => true;

    public void Sign(in SignedHeader header) => Add(Signed, header);

    public void SignBlock(in SignedHeader header, Block block) => Add(Signed, header);

    public void SignVertex(in SignedHeader header, VertexHeader vertex, ulong token)
    {
        Vertices.Add(vertex);
        Add(Signed, header);
    }

    public void SignViewChange(UnsignedViewChange change)
    {
        Bodies.Add(change);
        Add(Signed, change.Header);
    }

    public void SignNewView(UnsignedNewView newView)
    {
        Bodies.Add(newView);
        Add(Signed, newView.Header);
    }

    public void PersistBlock(Block block) => Add();

    public void PersistPrepared(Certificate certificate) => Add();

    public void PersistEntered(NewView newView) => Add();

    public void StoreVertex(ulong token) => Add();

    public void DropVertex(ulong token, Reason reason) => Add();

    public void DropBatch(ulong token) => Add();

    public void Send(int to, IMessage message) => Add(Sent, (to, message));

    public void BatchCredit() => Add();

    public void Execute(Block block, VertexHeader[] order, Certificate certificate) => Add(Executed, block);

    public void StoreManifest(SnapshotManifest manifest) => Add();

    public void StoreChunk(SnapshotChunk chunk) => Add();

    public void DropSnapshot() => Add();

    public void InstallSnapshot(SnapshotManifest manifest) => Add();

    public void StoreEpochEnd(EpochEnd end) => Add();

    public void Evidence(Evidence evidence) => Add(Convicted, evidence);

    public void EndEpoch(Block last, ulong provenFrom) => Add();

    public void SignFrom(ulong epoch) => Add();

    public void Contradicted() => Add();

    public void ViewChanged(ulong view, Reason reason) => Add();

    public void ForkChanged(Fork fork) => Add(Forks, fork);

    public void VoteTaken(PartialSignature outcome) => Taken.Add(outcome);

    public void CertificateMade(long micros) => Made.Add(micros);

    public void LevelReached(FinalityLevel level, ulong sequence) => Add(Levels, (level, sequence));

    public void Rejected(Reason reason, int from) => Add();

    public void Halt(Reason reason, Certificate? certificate, Certificate? conflicting) => Add(Halts, (reason, certificate, conflicting));

    private void Add([CallerMemberName] string name = "") => Cases.Add(name);

    private void Add<T>(List<T> list, T item, [CallerMemberName] string name = "")
    {
        Cases.Add(name);
        list.Add(item);
    }
}

internal static class Inputs
{
    /// <summary>Only time has passed.</summary>
    public static Input At(long monotonicMicros, ulong wallMicros = 0) => At(Input.Tick, monotonicMicros, wallMicros);

    public static Input At(Input input, long monotonicMicros, ulong wallMicros = 0)
    {
        input.Stamp(monotonicMicros, wallMicros);
        return input;
    }
}
