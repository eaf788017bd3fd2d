using Microsoft.Extensions.Logging;
using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Primitives;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// The way out of two conflicting certificates (PROTOCOL.md, rules R1 to R4): four steps of operators, all while the validator at
/// hand is stopped. No branch is left, and nothing final undone, but by signatures of quorum weight.
/// </summary>
public static class ForkRepair
{
    /// <summary>The first step, at one validator of each branch at least: what its ledger holds.</summary>
    /// <exception cref="StoreException">There is no ledger with a final block, it is in use or damaged.</exception>
    public static ForkBranch Inspect(NodeContext context)
    {
        using RocksLedger ledger = OpenLedger(context);
        return Report(context, ledger);
    }

    /// <summary>The third, at each operator: checks a proposal against the ledger, and signs it.</summary>
    /// <param name="insteadOf">The operator's word: another one was signed, and will not be used.</param>
    /// <param name="told">What was checked, and what this validator binds itself to.</param>
    /// <exception cref="StoreException">A store is in use or damaged, or another proposal was signed.</exception>
    /// <exception cref="ConfigException">The proposal does not fit this ledger.</exception>
    public static ForkRecovery Sign(NodeContext context, ForkRecovery recovery, Hash256? insteadOf, out string told)
    {
        ForkProposal proposal = recovery.Proposal;
        RequireChain(context, proposal);
        using RocksLedger ledger = OpenLedger(context);
        ForkSide side = RequireFits(context, ledger, proposal);
        bool checkedHead = CheckHead(context, ledger, proposal, side), checkedLast = CheckLast(context, ledger, proposal);
        if (proposal.Abandoned.Length == 0 && !checkedLast)
        {
            // One report alone says what the block states, and no later block shows that it is false.
            throw new ConfigException(
                $"this ledger has not executed block {proposal.Head.Sequence}, so it cannot check what the proposal says of the"
                + " state after it, and nobody else may: restore it up to there ('validator backup restore --from'), and repeat");
        }

        Member[] agreed = MembersOf(context, ledger, proposal.AgreedEpoch);
        Member[]? ending = EndingOf(context, ledger, proposal, side);
        int approver = Member.Find(agreed, context.Keys.ConsensusPublicKey);
        int voter = ending is null ? -1 : Member.Find(ending, context.Keys.ConsensusPublicKey);
        if (approver < 0 && voter < 0)
        {
            throw new ConfigException($"{context.Config.Node.Id}, with these keys, is no member of epoch"
                + $" {proposal.AgreedEpoch}, in which the branches part");
        }

        ForkBinding.Bind(context, proposal, insteadOf);
        CertificateVote[] approvals = approver < 0 ? recovery.Approvals
            : With(recovery.Approvals, approver,
                StoppedNode.Sign(context.Keys, context.ChainId, ForkRecoveryCodec.HeaderToApprove(proposal, approver)));
        CertificateVote[] votes = voter < 0 ? recovery.Votes
            : With(recovery.Votes, voter, StoppedNode.Sign(context.Keys, context.ChainId, ForkRecoveryCodec.HeaderToVote(proposal, voter)));
        string seen = side == ForkSide.Abandoned
            ? $"This validator's own blocks after {proposal.AgreedSequence} are taken back by 'fork apply'."
            : $"This validator's ledger follows the branch that goes on.";
        string head = checkedHead ? "" : $" It does not know the committee of epoch {proposal.HeadProof.Epoch}, so it could not"
            + " check the head of that branch: ask an operator who follows it.";
        string last = checkedLast ? "" : $" It has not executed block {proposal.Head.Sequence} of that branch, so it could not check"
            + " the root and the next committee: compare both, above, with what an operator sees who has.";
        told = $"{seen}{head}{last} From now on it signs nothing in epoch {proposal.Last.Epoch} or before.";
        return new ForkRecovery(proposal, approvals, votes);
    }

    /// <summary>The fourth, at each validator: with signatures of quorum weight, the next start goes on in the branch.</summary>
    /// <param name="signed">
    /// The proposal as operators signed it; signatures are put together, and each that is false is named.
    /// </param>
    /// <param name="signedNothingSince">
    /// The operator's word, where the votes are lost or contradicted: this key has signed nothing of a later epoch, and no other
    /// process signs with it. Then it signs again from that epoch on.
    /// </param>
    /// <param name="told">What was done, or what is lacking.</param>
    /// <returns>False: nothing was done.</returns>
    /// <exception cref="StoreException">A store is in use or damaged, or its disk fails.</exception>
    /// <exception cref="ConfigException">The files are of different proposals, or do not fit this ledger.</exception>
    public static bool Apply(NodeContext context, IReadOnlyList<(string Name, ForkRecovery Signed)> signed,
        bool signedNothingSince, out string told)
    {
        if (Prepare(context, signed, signedNothingSince, out told) is not { } application)
        {
            return false;
        }

        ILogger log = context.Logs.CreateLogger(nameof(ForkRepair));
        foreach (string step in application.Steps())
        {
            log.LogDebug("fork apply: {Step}", step);
        }

        ForkProposal proposal = signed[0].Signed.Proposal;
        told = application.WasApplied
            ? $"proposal {ForkRecoveryCodec.Digest(proposal)} was applied before{(application.Renewed
                ? ", and votes to go on with are there now" : "")}: start it"
            : Explain(proposal, application.Carried, AsideOf(context, proposal))
                + (application.Signs ? "" : NoVotes(context.Config.Storage));
        told += application.Unnoted is { } unnoted ? $" When the fork ended could not be noted: {unnoted}." : "";
        return true;
    }

    /// <summary>All that <see cref="Apply"/> checks. Changes nothing.</summary>
    /// <param name="told">What is lacking, where null is returned.</param>
    internal static ForkApplication? Prepare(NodeContext context, IReadOnlyList<(string Name, ForkRecovery Signed)> signed,
        bool signedNothingSince, out string told, long carryBytes = ForkCarry.BytesOfOneWrite)
    {
        told = "";
        ForkProposal proposal = signed[0].Signed.Proposal;
        Hash256 digest = ForkRecoveryCodec.Digest(proposal);
        foreach ((string name, ForkRecovery other) in signed)
        {
            if (ForkRecoveryCodec.Digest(other.Proposal) is var theirs && theirs != digest)
            {
                throw new ConfigException($"{name}: is of proposal {theirs}, and {signed[0].Name} of {digest}: operators have"
                    + " to sign one and the same");
            }
        }

        RequireChain(context, proposal);
        StorageSection storage = context.Config.Storage;
        string aside = AsideOf(context, proposal);
        bool wasAside = Directory.Exists(aside);
        if (Read(storage) is { } applied && ForkRecoveryCodec.Digest(applied.Proposal) == digest)
        {
            RequireFollows(context, applied, signedNothingSince);
            return new ForkApplication(context, applied, ForkSide.Follows, aside, goesOn: true, signedNothingSince)
            {
                WasApplied = true,
            };
        }

        ForkSide side;
        ForkRecovery recovery;
        bool goesOn;
        using (RocksLedger ledger = wasAside ? StoppedNode.OpenLedger(context, aside) : OpenLedger(context))
        {
            side = RequireFits(context, ledger, proposal);
            RequireRecent(proposal, ledger.ReadEpoch()?.Number ?? 0, signedNothingSince);
            CheckLast(context, ledger, proposal);
            goesOn = side == ForkSide.Follows && HashAt(context, ledger, proposal.Last.Sequence) == proposal.Last.Hash;
            if (Gather(context, ledger, side, signed, out recovery) is { } lacking)
            {
                told = $"nothing was done: {lacking}";
                return null;
            }
        }

        if (wasAside && StoreDirectory.Exists(storage.LedgerPath))
        {
            // It was cut short, and maybe started since.
            using RocksLedger begun = StoppedNode.OpenLedger(context, storage.LedgerPath);
            RequireRecent(proposal, begun.ReadEpoch()?.Number ?? 0, signedNothingSince);
            if (RequireFits(context, begun, proposal) != ForkSide.Follows)
            {
                throw new StoreException(
                    StoreFault.Exists, $"{storage.LedgerPath}: is of an abandoned branch again, since this was cut short: move"
                        + " it away, and repeat");
            }
        }

        return new ForkApplication(context, recovery, side, aside, goesOn, signedNothingSince) { CarryBytes = carryBytes };
    }

    private static string AsideOf(NodeContext context, ForkProposal proposal) =>
        $"{context.Config.Storage.LedgerPath}-abandoned-{ForkRecoveryCodec.Digest(proposal).ToString()[..16]}";

    /// <summary>Applied before: what may be left is to sign again, and to start.</summary>
    private static void RequireFollows(NodeContext context, ForkRecovery applied, bool signedNothingSince)
    {
        StorageSection storage = context.Config.Storage;
        ulong epoch = 0;
        if (StoreDirectory.Exists(storage.LedgerPath))
        {
            using RocksLedger ledger = StoppedNode.OpenLedger(context, storage.LedgerPath);
            epoch = ledger.ReadEpoch()?.Number ?? 0;
            if (RequireFits(context, ledger, applied.Proposal) != ForkSide.Follows)
            {
                throw new StoreException(
                    StoreFault.Exists, $"{storage.LedgerPath}: is of an abandoned branch, though the proposal was applied: move"
                        + " it away, and start this validator");
            }
        }

        RequireRecent(applied.Proposal, epoch, signedNothingSince);
    }

    /// <summary>The operator's word on what was signed counts only where nothing was final since.</summary>
    private static void RequireRecent(ForkProposal proposal, ulong epoch, bool signedNothingSince)
    {
        if (signedNothingSince && epoch > proposal.Last.Epoch + 1)
        {
            throw new StoreException(
                StoreFault.Exists, $"--signed-nothing-since: the ledger is in epoch {epoch}, long after the fork: what this key"
                    + " has signed since nobody can bound. Nothing was done; it signs again by itself, two epochs after the others go on");
        }
    }

    /// <summary>
    /// For the start: what was applied, where it still matters. Its votes are there only where they could be checked: where the
    /// ledger is in its epoch.
    /// </summary>
    /// <param name="epoch">The one that the ledger is in.</param>
    /// <exception cref="StoreException">The file is damaged, or not what was applied.</exception>
    internal static ForkRecovery? Read(NodeContext context, EpochConfiguration epoch)
    {
        StorageSection storage = context.Config.Storage;
        if (!File.Exists(storage.RecoveryFile))
        {
            return null;
        }

        if (Read(storage) is not { } recovery || recovery.Proposal.ChainId != context.ChainId)
        {
            throw new StoreException(StoreFault.Corrupt,
                $"{storage.RecoveryFile}: is no recovery of this chain: repeat 'validator fork apply'");
        }

        if (recovery.Epoch != epoch.Number)
        {
            return recovery.Epoch > epoch.Number ? recovery.Unproven : null;
        }

        List<SignatureCheck> checks = [];
        return SignatureChecks.OfCertificate(recovery.Certificate, epoch.Committee, checks) == DecodeError.None
            && !StoppedNode.Verify(context.ChainId, epoch.Members, checks).Contains(false) ? recovery : recovery.Unproven;
    }

    /// <summary>What was applied last; null where there is nothing whole.</summary>
    private static ForkRecovery? Read(StorageSection storage) =>
        File.Exists(storage.RecoveryFile)
        && ForkRecoveryCodec.TryRead(OperatorFile.Read(storage.RecoveryFile, most: ForkRecoveryCodec.MaxBytes),
            out ForkRecovery? recovery, out _)
            ? recovery : null;

    private static string NoVotes(StorageSection storage) =>
        $" {VoteStoreSetup.Mark(storage) ?? $"{storage.VotesPath}: there is no vote store"}. So it follows, and signs nothing."
            + " Where this key has signed nothing of a later epoch, and no other process signs with it, repeat with --signed-nothing-since.";

    private static RocksLedger OpenLedger(NodeContext context)
    {
        string path = context.Config.Storage.LedgerPath;
        return StoreDirectory.Exists(path) ? StoppedNode.OpenLedger(context, path)
            : throw new StoreException(StoreFault.Missing, $"{path}: there is no ledger, and so no branch of a fork");
    }

    private static ForkBranch Report(NodeContext context, RocksLedger ledger)
    {
        FinalRecord last = ledger.LastFinal()
            ?? throw new StoreException(StoreFault.Missing,
                $"{context.Config.Storage.LedgerPath}: no block is final here, and so there is no branch of a fork");
        Require.That(last.Certificate is not null, "the newest block is proven");
        if (last.Certificate.Sequence != last.Block.Sequence)
        {
            throw new StoreException(
                StoreFault.Missing,
                $"{context.Config.Storage.LedgerPath}: block {last.Certificate.Sequence} is known to be final, and only"
                + $" {last.Block.Sequence} is executed. Report another validator of this branch, or, to let this one catch up, move away"
                + $" {context.Config.Node.HaltedMarker}, start it until it stops again, and repeat");
        }

        ulong first = last.Block.Sequence;
        List<Hash256> hashes = [last.Block.Hash];
        while (first > 0 && hashes.Count < ForkBranch.MostHashes && HashAt(context, ledger, first - 1) is { IsZero: false } hash)
        {
            hashes.Add(hash);
            first--;
        }

        hashes.Reverse();
        EpochConfiguration epoch = ledger.ReadEpoch(context.Genesis, context.ChainId);
        List<(ulong Epoch, ulong First)> epochs = [];
        for (ulong number = last.Block.Epoch; epochs.Count == 0 || epochs[^1].First > first; number--)
        {
            ulong start = number == 0 ? 0
                : (ledger.FindEpochEnd(number - 1) ?? throw new StoreException(StoreFault.Corrupt,
                    $"the ledger does not know the end of epoch {number - 1}")).Last.Sequence + 1;
            epochs.Add((number, start));
        }

        epochs.Reverse();
        Committee committee = Committee.Of(MembersOf(context, ledger, last.Block.Epoch));
        Require.That(MultiSignature.Of(last.Certificate, committee).FindSigners(committee, out MemberSet signers) == DecodeError.None);
        return new ForkBranch
        {
            ChainId = context.ChainId,
            Name = context.Config.Node.Id,
            Epoch = epoch,
            Head = last.Block,
            Root = last.Result.Root,
            Certificate = last.Certificate,
            Weight = signers.Weight,
            Hashes = [.. hashes],
            Epochs = [.. epochs],
        };
    }

    /// <summary>Zero where this ledger does not know it.</summary>
    private static Hash256 HashAt(NodeContext context, RocksLedger ledger, ulong sequence) =>
        sequence == 0 ? EpochConfiguration.StartBlock(context.Genesis, context.ChainId).Hash
        : ledger.FindState(sequence)?.BlockHash ?? ledger.Final(sequence)?.Block.Hash ?? default;

    private static void RequireChain(NodeContext context, ForkProposal proposal)
    {
        if (proposal.ChainId != context.ChainId)
        {
            throw new ConfigException($"the proposal is of chain {proposal.ChainId}, and this is {context.ChainId}");
        }
    }

    private static ForkSide RequireFits(NodeContext context, RocksLedger ledger, ForkProposal proposal)
    {
        FinalRecord? last = ledger.LastFinal();
        ulong final = last?.Block.Sequence ?? 0;
        ulong epoch = ledger.ReadEpoch()?.Number ?? 0;
        ulong certified = last?.Certificate?.Sequence ?? 0;
        ForkSide side = ForkChoice.SideOf(proposal, epoch, final, certified, sequence => HashAt(context, ledger, sequence));
        return side switch
        {
            ForkSide.Unknown => throw new ConfigException(
                $"block {proposal.AgreedSequence} is another one here than the proposal's last common one, so this is a branch"
                + " that it does not name: run 'fork inspect' here too, and make a proposal of all reports"),
            ForkSide.Ahead => throw new ConfigException(
                $"this ledger has final blocks after {proposal.Head.Sequence}, in the branch that goes on, and the proposal"
                + " would take them back: run 'fork inspect' here too, and make a proposal of all reports"),
            ForkSide.LaterEpoch => throw new ConfigException(
                $"this ledger, of a branch that the proposal abandons, is in epoch {epoch}, and the proposal ends epoch"
                + $" {proposal.Last.Epoch}: what was signed in {epoch} would count in the epoch after it. Run 'fork inspect' here too, and make a proposal of all reports"),
            _ => side,
        };
    }

    /// <returns>False: this ledger does not know who certified the head.</returns>
    private static bool CheckHead(NodeContext context, RocksLedger ledger, ForkProposal proposal, ForkSide side)
    {
        bool knows = side == ForkSide.Follows || proposal.HeadProof.Epoch <= proposal.AgreedEpoch;
        if (!knows || ledger.MembersOf(context.Genesis.Members, proposal.HeadProof.Epoch) is not { } members)
        {
            return false;
        }

        List<SignatureCheck> checks = [];
        Committee committee = Committee.Of(members);
        bool proven = members.Length == proposal.CommitteeBefore
            && (proposal.HeadProof.Phase != Phase.Prepared || proposal.HeadProof.IsOfAll(members.Length))
            && SignatureChecks.OfCertificate(proposal.HeadProof, committee, checks) == DecodeError.None
            && !StoppedNode.Verify(context.ChainId, members, checks).Contains(false);
        if (!proven)
        {
            throw new ConfigException($"block {proposal.Head.Sequence} {proposal.Head.Hash}, on which the proposal builds, is"
                + " not proven by what it holds: nothing was signed");
        }

        return true;
    }

    /// <summary>Who executed the head knows the root and the next committee that the proposal's block has to state.</summary>
    /// <returns>False: this ledger is not at the head, and cannot say.</returns>
    private static bool CheckLast(NodeContext context, RocksLedger ledger, ForkProposal proposal)
    {
        if (ledger.LastFinal() is not { } last || last.Block.Hash != proposal.Head.Hash)
        {
            return false;
        }

        EpochConfiguration epoch = ledger.ReadEpoch(context.Genesis, context.ChainId);
        return ForkChoice.LastBlock(last.Block, last.Result.Root, epoch).Hash == proposal.Last.Hash ? true
            : throw new ConfigException(
                "the proposal's block is not the one that ends this branch, by what this ledger holds: nothing was done");
    }

    /// <summary>The members of the epoch that ends; null where this ledger, of another branch, cannot know them.</summary>
    private static Member[]? EndingOf(NodeContext context, RocksLedger ledger, ForkProposal proposal, ForkSide side) =>
        side == ForkSide.Follows || proposal.Last.Epoch == proposal.AgreedEpoch
            ? ledger.MembersOf(context.Genesis.Members, proposal.Last.Epoch) : null;

    private static Member[] MembersOf(NodeContext context, RocksLedger ledger, ulong epoch) =>
        ledger.MembersOf(context.Genesis.Members, epoch)
        ?? throw new ConfigException($"this ledger does not know the members of epoch {epoch}, in which the branches part");

    /// <summary>Puts all signatures together; each that does not hold is left out, and named.</summary>
    /// <returns>What is lacking; null when there is enough.</returns>
    private static string? Gather(
        NodeContext context, RocksLedger ledger, ForkSide side, IReadOnlyList<(string Name, ForkRecovery Signed)> signed,
        out ForkRecovery recovery)
    {
        ForkProposal proposal = signed[0].Signed.Proposal;
        Member[] agreed = MembersOf(context, ledger, proposal.AgreedEpoch);
        Member[]? ending = EndingOf(context, ledger, proposal, side);
        List<string> lacking = [];
        CertificateVote[] approvals = Gather(
            context, agreed, JointStatement.Of(proposal), signed.Select(s => (s.Name, s.Signed.Approvals)),
            $"{proposal.AgreedEpoch}, in which the branches part", lacking);
        CertificateVote[] votes = ending is null
            // Whoever follows that branch knows them, and checks them.
            ? [.. signed.SelectMany(s => s.Signed.Votes).DistinctBy(v => v.Sender).OrderBy(v => v.Sender)]
            : Gather(
                context, ending, JointStatement.Of(signed[0].Signed.Certificate, Committee.Of(ending)),
                    signed.Select(s => (s.Name, s.Signed.Votes)),
                $"{proposal.Last.Epoch}, which the proposal ends", lacking);
        recovery = new ForkRecovery(proposal, approvals, votes);
        return lacking.Count == 0 ? null : string.Join(". ", lacking.Distinct());
    }

    private static CertificateVote[] Gather(
        NodeContext context, Member[] members, JointStatement statement,
            IEnumerable<(string Name, CertificateVote[] Signatures)> parts, string epoch,
        List<string> lacking)
    {
        Committee committee = Committee.Of(members);
        SignatureCollector collector = new(statement, committee, committee.Quorum);
        // In one batch: each takes the members' keys made ready.
        (string Name, CertificateVote Signature)[] all = [.. parts.SelectMany(p => p.Signatures.Select(s => (p.Name, s)))];
        PartialSignature[] outcomes = collector.Take(
            Array.ConvertAll(all, part => part.Signature), (checks, valid) => StoppedNode.Verify(context.ChainId, members, checks, valid));
        string[] refused = [.. all.Where((_, i) => outcomes[i] is PartialSignature.False or PartialSignature.NotMember)
            .Select(part => part.Name).Distinct()];
        CertificateVote[] good = collector.Result().Signatures;
        if (!collector.IsComplete)
        {
            string silent =
                string.Join(", ", Enumerable.Range(0, members.Length).Where(i => !Array.Exists(good, v => v.Sender == i))
                .Select(i => $"{members[i].Name} ({committee.Weight(i)})"));
            string left = refused.Length == 0 ? "" : $" (left out, since a signature does not hold: {string.Join(", ", refused)})";
            lacking.Add($"those who signed weigh {collector.Signers.Weight}, and {committee.Quorum} of {committee.Total} are"
                + $" needed, of epoch {epoch}{left}. Not signed: {silent}");
        }

        return good;
    }

    private static CertificateVote[] With(CertificateVote[] votes, int sender, byte[] signature) =>
        [.. votes.Where(v => v.Sender != sender).Append(new CertificateVote(sender, signature)).OrderBy(v => v.Sender)];

    private static string Explain(ForkProposal proposal, ForkCarry? carried, string aside)
    {
        string ends = $"epoch {proposal.Last.Epoch} ends with block {proposal.Last.Sequence} {proposal.Last.Hash}. Start this"
            + " validator: it";
        if (carried is null)
        {
            return $"{ends} goes on in its branch.";
        }

        string unkept = carried.Unkept == 0 ? ""
            : $" Of {carried.Unkept} blocks what was in them is no longer kept here, and is not authored again by this"
                + " validator.";
        string changes = carried.Changes == 0 ? ""
            : $" {carried.Changes} committee changes or proofs of offences are not: sign and submit them anew.";
        return $"{ends} fetches the other branch, and authors again the {carried.Transactions} transactions of the"
            + $" {carried.Blocks} blocks that are taken back.{unkept}{changes}"
            + $" The old ledger is in {aside}: keep it until all is settled.";
    }
}
