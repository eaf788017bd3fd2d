import { ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { equal, fromHex, toHex } from './bytes.js';
import { committeeDigest, membersRefusal, quorumWeight, totalWeight, type Epoch, type Member } from './committee.js';
import type { Genesis } from './genesis.js';
import { idOf, last, leadsTo, readProof, type Proof, type ProofEpochEnd } from './proof.js';
import { endsEpoch, Phase, type Block, type Certificate } from './records.js';
import { PROTOCOL_VERSION, WireWriter } from './wire.js';

/** Why a proof does not show that its transaction is final; the words are those of `validator proof verify`. */
const FAULTS = {
    'other-chain': 'it is of another chain than genesis',
    'other-first-epoch': 'it begins at another epoch than the one that is trusted',
    'epoch-not-continued': 'the ends of its epochs do not follow one another',
    'committee-not-named': 'a committee is not the one that the epoch before named',
    'epoch-not-certified': "an epoch's end has no commit certificate of its own committee",
    'blocks-not-chained': 'its blocks are no chain of that committee',
    'not-certified': 'its certificate does not make its last block final',
    'wrong-parent': 'the block before the one that orders the transaction is not there, or not the one before',
    'lane-not-chained': "its vertices do not lead from the block's cut to the transaction",
    'ordered-before': 'the block before had ordered that vertex',
    'not-in-vertex': 'the transaction is not in the vertex',
    'state-not-stated': 'no block in it states the execution that it shows',
    'not-accepted': 'the execution that it shows did not accept the transaction there',
    'bad-signature': 'a signature does not hold',
    'other-transaction': 'it is of another transaction',
} as const;

export type ProofFault = keyof typeof FAULTS;

/** A proof that is one by its form, and proves nothing. */
export class ProofError extends Error {
    override readonly name = 'ProofError';

    constructor(readonly fault: ProofFault) {
        super(FAULTS[fault]);
    }
}

/** What a proof has shown. */
export interface ProvenTransaction {
    /** 64 hexadecimal digits. */
    readonly id: string;
    /** The block that orders it. */
    readonly block: { readonly epoch: bigint; readonly sequence: bigint; readonly hash: string };
    /** The block whose certificate makes that one final, and the weight of those who voted. */
    readonly certified: { readonly epoch: bigint; readonly sequence: bigint; readonly view: bigint };
    readonly weight: number;
    readonly totalWeight: number;
    /** Its global index where the proof shows that execution accepted it; null where it says nothing of that. */
    readonly index: bigint | null;
    /** The epoch of the certificate: a later proof, fetched from that epoch on, may be verified by it in place of genesis. */
    readonly epoch: Epoch;
}

interface SignatureCheck {
    readonly key: Uint8Array;
    readonly kind: number;
    readonly message: Uint8Array;
    readonly signature: Uint8Array;
}

const VoteKind = { prePrepare: 2, prepare: 3, commit: 4, recovery: 10 } as const;

/**
 * Verifies offline that a transaction is final; asks nobody, and trusts genesis (or an epoch that another proof has shown) alone.
 * @param id The transaction that it must be of: see `transactionId`.
 * @throws ProofError where it proves nothing, FormatError where the bytes are no proof.
 */
export function verifyProof(proof: Uint8Array, trusted: Genesis | Epoch, id: string): ProvenTransaction {
    const read = readProof(proof);
    const checks = new ProofChecks(read, 'epoch' in trusted ? trusted.epoch : trusted);
    const proven = checks.run();
    require(equal(idOf(read.path), fromHex(id)), 'other-transaction');
    return proven;
}

/** The rules of PROTOCOL.md, section 7, in the order in which the validator checks them. */
class ProofChecks {
    readonly #proof: Proof;
    readonly #epochs: Epoch[];
    readonly #signatures: SignatureCheck[] = [];

    constructor(proof: Proof, trusted: Epoch) {
        this.#proof = proof;
        this.#epochs = [trusted];
    }

    run(): ProvenTransaction {
        const proof = this.#proof;
        require(equal(proof.chainId, this.#newest.chainId), 'other-chain');
        require(proof.firstEpoch === this.#newest.number, 'other-first-epoch');
        proof.ends.forEach((end) => this.#followEpoch(end));
        this.#followBlocks();
        this.#checkParent();
        this.#followLane();
        const vertex = last(proof.lane);
        require(leadsTo(proof.path, vertex.transactionRoot, vertex.transactionCount), 'not-in-vertex');
        const index = this.#acceptedIndex();
        require(this.#signatures.every(holds), 'bad-signature');
        const {
            certificate,
            blocks: [ordering],
        } = proof;
        const { members } = this.#newest;
        return {
            id: toHex(idOf(proof.path)),
            block: { epoch: ordering.epoch, sequence: ordering.sequence, hash: toHex(ordering.hash) },
            certified: { epoch: certificate.epoch, sequence: certificate.sequence, view: certificate.view },
            weight: certificate.votes.reduce((sum, vote) => sum + (members[vote.sender]?.weight ?? 0), 0),
            totalWeight: totalWeight(members),
            index,
            epoch: this.#newest,
        };
    }

    get #newest(): Epoch {
        return this.#epochs[this.#epochs.length - 1] as Epoch;
    }

    /** Null for an epoch that the proof says nothing of. */
    #epochOf(block: Block): Epoch | null {
        return this.#epochs[Number(block.epoch - this.#proof.firstEpoch)] ?? null;
    }

    /** Each end is certified by its own committee, and names the next. */
    #followEpoch({ last: block, certificate, next }: ProofEpochEnd): void {
        const epoch = this.#newest;
        const continues =
            block.epoch === epoch.number &&
            block.epoch < 2n ** 64n - 1n &&
            endsEpoch(block) &&
            block.cut.length === epoch.members.length &&
            block.sequence > epoch.start.sequence;
        require(continues, 'epoch-not-continued');
        require(proves(certificate, block) && this.#collect(certificate, epoch), 'epoch-not-certified');
        const members = membersAfter(epoch.members, next);
        const number = block.epoch + 1n;
        const named =
            members !== null && equal(committeeDigest(number, members), block.nextCommittee) && membersRefusal(members) === null;
        require(named, 'committee-not-named');
        this.#epochs.push({ chainId: epoch.chainId, number, members: members as Member[], start: block });
    }

    /** A certificate makes its block final with all ancestors, those of earlier epochs too. */
    #followBlocks(): void {
        const { blocks, certificate } = this.#proof;
        require(last(blocks).epoch === this.#newest.number, 'blocks-not-chained');
        blocks.forEach((block, i) => {
            const before = blocks[i - 1];
            const sized = block.cut.length === this.#epochOf(block)?.members.length;
            require(sized && (before === undefined || this.#continues(before, block)), 'blocks-not-chained');
        });
        require(proves(certificate, last(blocks)) && this.#collect(certificate, this.#newest), 'not-certified');
    }

    /** Nothing but the next epoch's first block is on an epoch's last, which is the one that ended it. */
    #continues(before: Block, block: Block): boolean {
        const follows = equal(block.parent, before.hash) && block.sequence === before.sequence + 1n;
        const start = this.#epochOf(block)?.start.hash;
        return (
            follows &&
            (endsEpoch(before)
                ? block.epoch === before.epoch + 1n && start !== undefined && equal(start, before.hash)
                : block.epoch === before.epoch)
        );
    }

    /** An epoch's first block has none that was ordered before in its lanes. */
    #checkParent(): void {
        const {
            parent,
            blocks: [first],
        } = this.#proof;
        const start = (this.#epochOf(first) as Epoch).start;
        const good = equal(first.parent, start.hash)
            ? parent === null && first.sequence === start.sequence + 1n
            : parent !== null &&
              equal(parent.hash, first.parent) &&
              parent.epoch === first.epoch &&
              parent.sequence + 1n === first.sequence &&
              !endsEpoch(parent) &&
              parent.cut.length === first.cut.length;
        require(good, 'wrong-parent');
    }

    /** From the cut's vertex down by predecessors, which hashes fix. */
    #followLane(): void {
        const {
            lane,
            parent,
            blocks: [first],
        } = this.#proof;
        const { author, height } = last(lane);
        let next = first.cut[author];
        for (const vertex of lane) {
            const follows =
                next !== undefined &&
                equal(vertex.hash, next.hash) &&
                vertex.height === next.height &&
                vertex.author === author &&
                vertex.epoch === first.epoch &&
                vertex.parents.length === first.cut.length;
            require(follows, 'lane-not-chained');
            next = { height: vertex.height - 1n, hash: vertex.predecessor };
        }
        require(height > (parent?.cut[author]?.height ?? 0n), 'ordered-before');
    }

    #acceptedIndex(): bigint | null {
        const { accepted, blocks, path } = this.#proof;
        if (accepted === null) {
            return null;
        }
        const { records } = accepted;
        const chained =
            equal(records[0].blockHash, blocks[0].hash) &&
            records.every((record, i) => i === 0 || equal(record.previousRoot, records[i - 1]?.root ?? record.root));
        const stated = blocks[0].sequence + BigInt(records.length) - 1n;
        const root = last(records).root;
        require(chained && blocks.some((b) => b.executedSequence === stated && equal(b.executedRoot, root)), 'state-not-stated');
        const there = equal(idOf(accepted.path), idOf(path)) && leadsTo(accepted.path, records[0].idsDigest, records[0].accepted);
        require(there, 'not-accepted');
        return records[0].firstIndex + BigInt(accepted.path.position);
    }

    /** Whether the voters are members and weigh a quorum; their signatures are checked at the end. */
    #collect(certificate: Certificate, epoch: Epoch): boolean {
        const voters = certificate.votes.map((vote) => epoch.members[vote.sender]);
        const members = voters.filter((member) => member !== undefined);
        if (members.length < voters.length || totalWeight(members) < quorumWeight(epoch.members)) {
            return false;
        }
        const leader = Number(((certificate.epoch + certificate.view) % 2n ** 64n) % BigInt(epoch.members.length));
        members.forEach(({ consensusKey: key }, i) => {
            const { sender, signature } = certificate.votes[i] as Certificate['votes'][number];
            const kind = voteKind(certificate.phase, sender === leader);
            const message = new WireWriter()
                .u16(PROTOCOL_VERSION)
                .u8(kind)
                .zeros(1)
                .u16(sender)
                .zeros(2)
                .u64(certificate.epoch)
                .u64(certificate.view)
                .u64(certificate.sequence)
                .raw(certificate.blockHash)
                .raw(epoch.chainId)
                .done();
            this.#signatures.push({ key, kind, message, signature });
        });
        return true;
    }
}

function require(holds: boolean, fault: ProofFault): void {
    if (!holds) {
        throw new ProofError(fault);
    }
}

/** It is of that block, and makes it final: what validators take as proof of finality, and nothing else. */
function proves(certificate: Certificate, block: Block): boolean {
    const same =
        certificate.epoch === block.epoch && certificate.sequence === block.sequence && equal(certificate.blockHash, block.hash);
    return (
        same &&
        (certificate.phase === Phase.committed ||
            (certificate.phase === Phase.recovered
                ? endsEpoch(block)
                : certificate.votes.length === block.cut.length && !endsEpoch(block)))
    );
}

/** In a prepared certificate the leader's vote is its PrePrepare. */
function voteKind(phase: number, leader: boolean): number {
    switch (phase) {
        case Phase.prepared:
            return leader ? VoteKind.prePrepare : VoteKind.prepare;
        case Phase.committed:
            return VoteKind.commit;
        default:
            return VoteKind.recovery;
    }
}

function membersAfter(before: readonly Member[], next: ProofEpochEnd['next']): readonly Member[] | null {
    if (next === 'same') {
        return before;
    }
    const told: readonly (Member | number)[] = next;
    const members = told.map((each, i) => {
        const same = before[i];
        return typeof each !== 'number' ? each : same === undefined ? null : { ...same, weight: each };
    });
    const full = members.filter((member) => member !== null);
    const differs = typeof told[0] === 'number' && told.length !== before.length;
    return differs || full.length < members.length ? null : full;
}

function holds({ key, kind, message, signature }: SignatureCheck): boolean {
    return ml_dsa87.verify(signature, message, key, { context: Uint8Array.of(kind) });
}
