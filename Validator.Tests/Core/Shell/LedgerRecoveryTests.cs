using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Shell;
using Validator.Core.Wire;

namespace Validator.Tests.Core.Shell;

/// <summary>What votes and ledger together say of the own lane (PROTOCOL.md, section 6).</summary>
public sealed class LedgerRecoveryTests
{
    private static readonly VertexHeader s_first = Vertex(0, 1, Hash256.Zero);
    private static readonly VertexHeader s_second = Vertex(0, 2, s_first.Hash);

    // Protects one vertex per height: the ledger has one that a crash kept from the vote store. Others get it now, so it is
    // recorded there first: once it is ordered, or the ledger lost, nothing else tells of it, and the validator would author
    // another, or take its own for a stranger's.
    [Fact]
    public void A_vertex_that_only_the_ledger_has_is_recorded()
    {
        RecoveredState state = State(s_first, s_first, s_second, Vertex(1, 9, Hash256.Of([1])));
        OwnLaneFinding lane = LedgerRecovery.RaiseOwnTip(state, 0);
        Assert.Equal(OwnLaneStanding.Whole, lane.Standing);
        Assert.Equal(new LaneTip(2, s_second.Hash), state.OwnTip);
        Assert.Equal(VertexCodec.HeaderToSign(s_second), lane.Unrecorded!.Header);
        Assert.Null(LedgerRecovery.RaiseOwnTip(State(s_second, s_first, s_second), 0).Unrecorded);
    }

    // Protects from a twin: two own vertices of one height stop this validator; a tip that its ledger lost does not, nor a lane
    // that was lost whole.
    [Fact]
    public void Two_own_vertices_of_one_height_contradict_each_other()
    {
        VertexHeader twin = Vertex(0, 2, Hash256.Of([3]));
        Assert.Equal(OwnLaneStanding.Doubled, LedgerRecovery.RaiseOwnTip(State(s_second, s_first, twin), 0).Standing);
        Assert.Equal(OwnLaneStanding.Doubled, LedgerRecovery.RaiseOwnTip(State(s_first, s_second, twin), 0).Standing);
        Assert.Equal(OwnLaneStanding.NotInLedger, LedgerRecovery.RaiseOwnTip(State(s_second, s_first), 0).Standing);
        RecoveredState lost = State(null, s_second, twin);
        lost.Limit = new VoteLimit(0, 1, 1);
        Assert.Equal(OwnLaneStanding.Lost, LedgerRecovery.RaiseOwnTip(lost, 0).Standing);
    }

    private static VertexHeader Vertex(int author, ulong height, Hash256 predecessor) =>
        VertexCodec.Seal(0, author, height, predecessor, [default, default], Hash256.Of([]), 0, 0);

    private static RecoveredState State(VertexHeader? tip, params VertexHeader[] ledger)
    {
        RecoveredState state = new() { OwnTip = tip is null ? default : new LaneTip(tip.Height, tip.Hash) };
        state.Vertices.AddRange(ledger.Select(v => (v, new byte[64])));
        return state;
    }
}
