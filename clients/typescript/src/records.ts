import { isZero } from './bytes.js';
import { hash } from './hash.js';
import { HASH_BYTES, SIGNATURE_BYTES, type LaneTip, type WireReader } from './wire.js';

export interface Block {
    readonly hash: Uint8Array;
    readonly epoch: bigint;
    readonly sequence: bigint;
    readonly executedSequence: bigint;
    readonly parent: Uint8Array;
    readonly executedRoot: Uint8Array;
    readonly nextCommittee: Uint8Array;
    readonly cut: readonly LaneTip[];
}

export const Phase = { prepared: 1, committed: 2, recovered: 3 } as const;

export interface Vote {
    readonly sender: number;
    readonly signature: Uint8Array;
}

export interface Certificate {
    readonly phase: number;
    readonly epoch: bigint;
    readonly view: bigint;
    readonly sequence: bigint;
    readonly blockHash: Uint8Array;
    readonly votes: readonly Vote[];
}

export interface VertexHeader {
    readonly hash: Uint8Array;
    readonly author: number;
    readonly epoch: bigint;
    readonly height: bigint;
    readonly transactionCount: number;
    readonly predecessor: Uint8Array;
    readonly transactionRoot: Uint8Array;
    readonly parents: readonly LaneTip[];
}

export interface StateRecord {
    readonly root: Uint8Array;
    readonly firstIndex: bigint;
    readonly accepted: number;
    readonly previousRoot: Uint8Array;
    readonly blockHash: Uint8Array;
    readonly idsDigest: Uint8Array;
}

const BLOCK_TAG = 0x11;
const VERTEX_TAG = 0x10;
const STATE_TAG = 0x14;
const MAX_VERTEX_PAYLOAD = 524_288;
const LEAST_TRANSACTION = 6;

export function endsEpoch(block: Block): boolean {
    return !isZero(block.nextCommittee);
}

export function readBlock(reader: WireReader): Block {
    const start = reader.position;
    const lanes = reader.committeeSize();
    reader.tag(BLOCK_TAG);
    reader.reserved(1);
    reader.u16();
    reader.reserved(4);
    const epoch = reader.u64();
    const sequence = reader.u64();
    reader.u64();
    const executedSequence = reader.u64();
    const [parent, executedRoot, nextCommittee] = [reader.hash(), reader.hash(), reader.hash()];
    reader.check(sequence > 0n && executedSequence < sequence && !isZero(parent), 'no sequences or parent of a block');
    const cut = reader.tips(lanes);
    const encoded = reader.bytes.subarray(start, reader.position);
    return { hash: hash(encoded), epoch, sequence, executedSequence, parent, executedRoot, nextCommittee, cut };
}

export function readCertificate(reader: WireReader, committee: number): Certificate {
    const phase = reader.u8();
    reader.check(phase >= Phase.prepared && phase <= Phase.recovered, 'no phase');
    reader.reserved(1);
    const count = reader.u16();
    reader.reserved(4);
    const [epoch, view, sequence, blockHash] = [reader.u64(), reader.u64(), reader.u64(), reader.hash()];
    reader.check(sequence > 0n && !isZero(blockHash) && (phase !== Phase.recovered || view === 0n), 'no statement of votes');
    reader.check(count > 0 && count <= committee, 'no number of votes');
    let last = -1;
    const votes = Array.from({ length: count }, () => {
        const sender = reader.member(committee);
        reader.check(sender > last, 'votes do not ascend');
        last = sender;
        return { sender, signature: reader.take(SIGNATURE_BYTES) };
    });
    return { phase, epoch, view, sequence, blockHash, votes };
}

export function readVertexHeader(reader: WireReader): VertexHeader {
    const start = reader.position;
    const lanes = reader.committeeSize();
    reader.tag(VERTEX_TAG);
    reader.reserved(1);
    reader.u16();
    const author = reader.member(lanes);
    reader.reserved(2);
    const [epoch, height, payload, transactionCount] = [reader.u64(), reader.u64(), reader.u32(), reader.u32()];
    const [predecessor, transactionRoot] = [reader.hash(), reader.hash()];
    reader.check(height > 0n && (height === 1n) === isZero(predecessor), 'no predecessor exactly at height 1');
    const counts = (transactionCount === 0) === (payload === 0) && transactionCount <= Math.floor(payload / LEAST_TRANSACTION);
    reader.check(payload <= MAX_VERTEX_PAYLOAD && counts, 'no payload of a vertex');
    const parents = reader.tips(lanes);
    reader.check(parents[author]?.height === 0n, 'a vertex is not among its own parents');
    const encoded = reader.bytes.subarray(start, reader.position);
    return { hash: hash(encoded), author, epoch, height, transactionCount, predecessor, transactionRoot, parents };
}

export function readStateRecord(reader: WireReader): StateRecord {
    const start = reader.position;
    reader.tag(STATE_TAG);
    const trust = reader.u8();
    reader.check(trust <= 1, 'no state record');
    reader.reserved(6);
    const [firstIndex, accepted] = [reader.u64(), reader.u32()];
    reader.u32();
    const [previousRoot, blockHash, idsDigest] = [reader.hash(), reader.hash(), reader.hash()];
    reader.take(3 * HASH_BYTES);
    reader.check(trust === 0 || !isZero(reader.hash()), 'a trust digest is not zero');
    const root = hash(reader.bytes.subarray(start, reader.position));
    return { root, firstIndex, accepted, previousRoot, blockHash, idsDigest };
}
