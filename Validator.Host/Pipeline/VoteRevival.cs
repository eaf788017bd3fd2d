using System.Security.Cryptography;
using System.Text;
using Validator.Core.Consensus;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Core.Wire.Validation;
using Validator.Crypto.Simd;
using Validator.Host.Config;
using Validator.Host.Contracts;
using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>
/// Signing again where more than F lost their votes and no epoch can come any more (PROTOCOL.md, rule E9): three steps of
/// operators, all while the validator at hand is stopped.
/// </summary>
public static class VoteRevival
{
    /// <summary>
    /// The first step, at one that lost its votes. The same again where it was done before, so that answers stay good.
    /// </summary>
    /// <exception cref="StoreException">
    /// There is a vote store, or the mark of a contradiction; or the folder cannot be written.
    /// </exception>
    public static LostVotes Lose(NodeContext context)
    {
        StorageSection storage = context.Config.Storage;
        RequireLost(storage);
        if (File.Exists(storage.LostVotesFile))
        {
            return OwnRequest(context);
        }

        LostVotes request = new(context.ChainId, context.Config.Node.Id, new Hash256(RandomNumberGenerator.GetBytes(Hash256.Size)));
        Write(storage.LostVotesFile, Encoding.ASCII.GetBytes(request.Text));
        return request;
    }

    /// <summary>The second, at each one that kept them: it binds itself, and then says what it has signed.</summary>
    /// <param name="least">The view that it binds itself to is at least this one.</param>
    /// <exception cref="StoreException">There is no vote store that can be trusted, it is in use, or its disk fails.</exception>
    /// <exception cref="ConfigException">A request is another chain's, or <paramref name="least"/> is far too high.</exception>
    public static VoteStatement State(NodeContext context, IReadOnlyList<LostVotes> requests, ulong least = 0)
    {
        StorageSection storage = context.Config.Storage;
        if (requests.FirstOrDefault(r => r.ChainId != context.ChainId) is { } foreign)
        {
            throw new ConfigException($"the request of {foreign.Name} is for chain {foreign.ChainId}, and this is {context.ChainId}");
        }

        if (VoteStoreSetup.Mark(storage) is { } mark)
        {
            throw new StoreException(StoreFault.Missing, $"{mark}. It cannot speak for votes that it does not have itself.");
        }

        StoreIdentity identity = StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey);
        (EpochConfiguration epoch, Block final, Certificate? proof, _, _) = ReadEpoch(context);
        int self = SelfIn(context, epoch);
        using RocksVoteStore votes = RocksVoteStore.Open(storage.VotesPath, identity);
        if (votes.Epoch() is var later && later > epoch.Number)
        {
            throw new StoreException(
                StoreFault.Missing, $"the votes are of epoch {later}, and the ledger is in epoch {epoch.Number}: start this validator, until status says epoch {later}");
        }

        RecoveredState state = new();
        votes.Recover(epoch.Number, epoch.Members.Length, state);
        Hash256[] nonces = [.. requests.Select(r => r.Nonce)];
        VoteStatement unsigned = Revival.State(state, epoch, self, context.ChainId, nonces, final, proof, least);

        if (unsigned.FirstView - unsigned.SignedView > VoteStatementCodec.MostAhead)
        {
            throw new ConfigException(
                $"--least-view {least}: is more than {VoteStatementCodec.MostAhead} above view {unsigned.SignedView}, the highest that this validator has signed"
                + " for; it would not vote before. If another statement asks for that, do not trust it");
        }

        // Before anybody can build on it. What it once asked for others itself binds less than this, and must never be used any
        // more.
        VoteStoreSetup.Remove(storage.LostVotesFile);
        votes.Bind(Revival.BindingOf(unsigned, state.Limit));
        return unsigned.With(StoppedNode.Sign(context.Keys, context.ChainId, VoteStatementCodec.HeaderToSign(unsigned)));
    }

    /// <summary>The third, at one that lost its votes: a new vote store, where what others stated suffices.</summary>
    /// <param name="files">Statements, by the name of their file.</param>
    /// <param name="ledgerKept">
    /// The operator's word: the ledger is the one that was there with the lost votes, or it is not.
    /// </param>
    /// <param name="told">What was done, or why nothing was and what is left to do.</param>
    /// <returns>False: nothing was done.</returns>
    /// <exception cref="StoreException">
    /// There is a vote store, or nothing was asked for with it; or the folder cannot be written.
    /// </exception>
    /// <exception cref="ConfigException">
    /// A file is no good statement for this validator, or it has to be said whether the ledger was kept.
    /// </exception>
    public static bool Recreate(NodeContext context, IReadOnlyList<(string Name, byte[] Bytes)> files, bool? ledgerKept, out string told)
    {
        StorageSection storage = context.Config.Storage;
        RequireLost(storage);
        if (!File.Exists(storage.LostVotesFile))
        {
            throw new StoreException(
                StoreFault.Missing, $"{storage.LostVotesFile}: is not there. First 'validator votes lost', then statements that answer what it wrote.");
        }

        LostVotes request = OwnRequest(context);
        (EpochConfiguration epoch, _, _, LaneTip? ownTip, bool authored) = ReadEpoch(context);
        int self = SelfIn(context, epoch);
        bool laneKnown = IsLaneKnown(storage, ownTip is not null, authored, ledgerKept);
        List<VoteStatement> statements = [.. files.Select(f => ReadStatement(f.Name, f.Bytes, context, epoch, request))];
        RevivalPlan plan = Revival.Weigh(epoch, self, request.Nonce, statements, laneKnown);
        if (plan.Refusal != RevivalRefusal.None)
        {
            told = Explain(plan, epoch, self, statements);
            return false;
        }

        Make(storage, StoreIdentity.Of(context.ChainId, context.Keys.ConsensusPublicKey), plan, self, laneKnown ? ownTip.GetValueOrDefault() : default);
        string authors = laneKnown
            ? "takes transactions again, and those that it had taken are ordered"
            : $"takes no transactions in that epoch{(plan.Next is null ? "" : " and the next")}, as where its lane ended was lost with its ledger";
        told = $"created {storage.VotesPath}: {context.Config.Node.Id} signs from view {plan.Limit.FirstView} of epoch {epoch.Number} on, and {authors}. Those who stated weigh {plan.Weight}; it rests on all but {plan.Spare} of that being honest.";
        return true;
    }

    private static void RequireLost(StorageSection storage)
    {
        if (File.Exists(storage.ContradictedMarker))
        {
            throw new StoreException(
                StoreFault.Exists,
                $"{storage.ContradictedMarker}: another process may sign with this key, and what it signs nobody can bound. Nothing was done: this"
                + " validator comes back by itself, two epochs after the others go on.");
        }

        if (File.Exists(storage.SignedForkFile))
        {
            throw new StoreException(
                StoreFault.Exists,
                $"{storage.SignedForkFile}: this validator has signed a fork's recovery, and may sign nothing more in the epoch"
                + " that it ends. Nothing was done: go on with 'fork apply'.");
        }

        if (!RocksVoteStore.IsFree(storage.VotesPath))
        {
            throw new StoreException(
                StoreFault.Exists,
                $"{storage.VotesPath}: there is a vote store, or a part of one, so nothing was done. A second one could sign against it. Where it is damaged,"
                + " or an older copy, move it away, keep it, and repeat.");
        }
    }

    private static LostVotes OwnRequest(NodeContext context)
    {
        string path = context.Config.Storage.LostVotesFile;
        LostVotes request = LostVotes.Read(path);
        return request.ChainId == context.ChainId && request.Name == context.Config.Node.Id
            ? request
            : throw new StoreException(StoreFault.ForeignChain, $"{path}: is of {request.Name} of chain {request.ChainId}; remove it, and repeat 'validator votes lost'");
    }

    private static (EpochConfiguration Epoch, Block Final, Certificate? Proof, LaneTip? OwnTip, bool Authored) ReadEpoch(
        NodeContext context)
    {
        StorageSection storage = context.Config.Storage;
        if (!StoreDirectory.Exists(storage.LedgerPath))
        {
            EpochConfiguration first = EpochConfiguration.First(context.Genesis, context.ChainId);
            return (first, first.Start, null, null, false);
        }

        using RocksLedger ledger = StoppedNode.OpenLedger(context, storage.LedgerPath);
        EpochConfiguration epoch = ledger.ReadEpoch(context.Genesis, context.ChainId);
        int self = epoch.IndexOf(context.Keys.ConsensusPublicKey);
        FinalRecord? last = ledger.LastFinal();
        Block final = last?.Block ?? epoch.Start;
        bool ordered = self >= 0 && final.Epoch == epoch.Number && final.Cut[self].Height > 0;
        bool authored = ordered || (self >= 0 && ledger.VerticesAbove(epoch.Number, self, 0).Any());
        return (epoch, final, last?.Certificate, self < 0 ? null : ledger.OwnTip(epoch, self), authored);
    }

    /// <summary>
    /// A ledger that was made anew shows that by itself. An older copy of one does not, and a vertex authored on top of it would
    /// be a second one in its slot: so the operator has to say.
    /// </summary>
    private static bool IsLaneKnown(StorageSection storage, bool shown, bool authored, bool? ledgerKept)
    {
        if (ledgerKept is not true)
        {
            return shown && ledgerKept is null
                ? throw new ConfigException(
                    $"{storage.LedgerPath}: say what it is. Nothing was done. With '--ledger kept' it is the very one that was there when the votes were lost: this validator"
                    + " takes transactions again at once, and those that it had taken are ordered. With '--ledger lost' it came later, or from a backup, a snapshot of the"
                    + " volume or another machine: then this validator takes none before the next epoch")
                : false;
        }

        if (!shown)
        {
            const string Lost = "Say '--ledger lost': this validator signs all the same, and takes transactions from the next epoch on."
                + " Nothing was done.";
            throw new StoreException(
                StoreFault.Missing,
                !StoreDirectory.Exists(storage.LedgerPath)
                    ? $"{storage.LedgerPath}: there is no ledger that could have been kept. {Lost}"
                    : authored
                    ? $"{storage.LedgerPath}: it does not know all that this key authored, so it was made, or came, after the loss. {Lost}"
                    : $"{storage.LedgerPath}: it holds nothing that this key authored. Either this validator had taken no transaction yet, or"
                        + $" the ledger was made, or came, after the loss; the ledger alone does not tell which. {Lost}");
        }

        return File.Exists(storage.RestoredMarker)
            ? throw new StoreException(
                StoreFault.Missing, $"{storage.RestoredMarker}: a copy was put back here, and the ledger may be one as well: '--ledger lost'. Nothing was done.")
            : true;
    }

    private static int SelfIn(NodeContext context, EpochConfiguration epoch) =>
        epoch.IndexOf(context.Keys.ConsensusPublicKey) is >= 0 and var self
            ? self : throw new ConfigException($"{context.Config.Node.Id}, with these keys, is no member of epoch {epoch.Number}");

    private static VoteStatement ReadStatement(string name, byte[] bytes, NodeContext context, EpochConfiguration epoch, LostVotes request)
    {
        if (!VoteStatementCodec.TryRead(bytes, out VoteStatement? statement, out DecodeError error))
        {
            throw new ConfigException($"{name}: is no vote statement ({error})");
        }

        if (statement.ChainId != context.ChainId)
        {
            throw new ConfigException($"{name}: is of chain {statement.ChainId}, and this is {context.ChainId}");
        }

        if (Array.IndexOf(statement.Requests, request.Nonce) < 0)
        {
            throw new ConfigException($"{name}: does not answer what 'validator votes lost' wrote here, and may be older than the loss: state again, with that as --request");
        }

        if (statement.Epoch < epoch.Number)
        {
            throw new ConfigException(
                $"{name}: is of epoch {statement.Epoch}, and this is {epoch.Number}: start the validator that made it until status says that epoch, and state again");
        }

        if (statement.Epoch > epoch.Number)
        {
            throw new ConfigException(
                $"{name}: is of epoch {statement.Epoch}, and this validator's ledger is in {epoch.Number}: start it, it follows; once status says epoch"
                + $" {statement.Epoch}, stop it and repeat");
        }

        List<SignatureCheck> checks = [];
        bool holds = statement.CommitteeSize == epoch.Members.Length
            && (statement.Certificate is not { } certificate
                || SignatureChecks.OfCertificate(certificate, epoch.Committee, checks) == DecodeError.None);
        checks.Add(new SignatureCheck(statement.Author, VoteStatementCodec.HeaderToSign(statement), statement.Signature));
        return holds && !StoppedNode.Verify(context.ChainId, epoch.Members, checks).Contains(false)
            ? statement : throw new ConfigException($"{name}: the signatures in it do not hold");
    }

    private static string Explain(RevivalPlan plan, EpochConfiguration epoch, int self, List<VoteStatement> statements)
    {
        Committee committee = epoch.Committee;
        ulong least = committee.Total - committee.Quorum + 1;
        string silent = string.Join(", ", Enumerable.Range(0, committee.Count).Where(i => i != self && !statements.Exists(s => s.Author == i))
            .Select(i => $"{epoch.Members[i].Name} ({committee.Weight(i)})"));
        ulong highest = statements.Select(s => s.SignedView).DefaultIfEmpty().Max();
        string late = string.Join(", ", statements.Where(s => s.FirstView <= highest).Select(s => epoch.Members[s.Author].Name).Distinct());
        return plan.Refusal switch
        {
            RevivalRefusal.TooLittleWeight =>
                $"nothing was done: those who stated weigh {plan.Weight}, and {least} is the least without which no quorum of {committee.Quorum} is. Get statements of more"
                + $" who kept their votes: {silent}",
            RevivalRefusal.NotBound =>
                $"nothing was done: {late} stated before others voted in view {highest}, and may vote in it still. State there again, with --least-view {statements.Max(s => s.FirstView) + 1}",
            RevivalRefusal.MayBeOver =>
                $"nothing was done: epoch {epoch.Number} may be over, and the next has another committee. Start those who kept their votes and those who lost them;"
                + " whoever knows the epoch's end tells the others. Once status says the next epoch, state again there",
            _ => $"nothing was done: {plan.Refusal}",
        };
    }

    /// <summary>
    /// The marks go before the store is there, or it would not be used; what asked for it goes after, or at the next start,
    /// before anything is signed. So a crash in between costs nothing that cannot be repeated.
    /// </summary>
    private static void Make(StorageSection storage, StoreIdentity identity, RevivalPlan plan, int self, LaneTip ownTip)
    {
        VoteStoreSetup.Remove(storage.RestoredMarker);
        VoteStoreSetup.Remove(storage.SignsFromFile);
        RocksVoteStore.Create(storage.VotesPath, identity, plan, self, ownTip);
        VoteStoreSetup.Remove(storage.LostVotesFile);
    }

    private static void Write(string path, byte[] bytes)
    {
        try
        {
            DurableFile.Write(path, bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreException(StoreFault.Unwritable, $"{path}: cannot be written: {e.Message}");
        }
    }
}
