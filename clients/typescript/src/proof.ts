import { readMembers, type Member } from './committee.js';
import { CHUNK_BYTES, pathDigest, pathSizes } from './blake3-path.js';
import { equal } from './bytes.js';
import {
    readBlock,
    readCertificate,
    readStateRecord,
    readVertexHeader,
    type Block,
    type Certificate,
    type StateRecord,
    type VertexHeader,
} from './records.js';
import { FormatError, HASH_BYTES, MAX_COMMITTEE, PROTOCOL_VERSION, WireReader } from './wire.js';

/** Where an id stands in a list of ids: the chunk of 32 ids that it is in, and the siblings above it. */
export interface IdPath {
    readonly position: number;
    readonly chunk: Uint8Array;
    readonly siblings: Uint8Array;
}

/** An epoch's end. Members are told as far as they differ from those of the epoch that ends. */
export interface ProofEpochEnd {
    readonly last: Block;
    readonly certificate: Certificate;
    readonly next: readonly Member[] | readonly number[] | 'same';
}

/** A transaction proof as it was sent (FORMATS.md); nothing of it is believed yet. */
export interface Proof {
    readonly chainId: Uint8Array;
    readonly firstEpoch: bigint;
    readonly ends: readonly ProofEpochEnd[];
    readonly parent: Block | null;
    readonly blocks: readonly [Block, ...Block[]];
    readonly certificate: Certificate;
    readonly lane: readonly [VertexHeader, ...VertexHeader[]];
    readonly path: IdPath;
    readonly accepted: { readonly records: readonly [StateRecord, ...StateRecord[]]; readonly path: IdPath } | null;
}

const FORMAT_VERSION = 1;
const MAGIC = 0x46525056; // "VPRF"
const MAX_BYTES = 256 * 1024 * 1024;
const MOST_PARTS = 1024;
const LEAST_END = 136 + 40 + 64 + 4629 + 1;
const IDS_IN_CHUNK = CHUNK_BYTES / HASH_BYTES;
const NEXT_SAME = 0;
const NEXT_WEIGHTS = 1;
const NEXT_WHOLE = 2;

/** The id at the path's place. */
export function idOf(path: IdPath): Uint8Array {
    const at = (path.position % IDS_IN_CHUNK) * HASH_BYTES;
    return path.chunk.subarray(at, at + HASH_BYTES);
}

/** Whether it leads to the BLAKE3 of a list of so many ids. */
export function leadsTo(path: IdPath, root: Uint8Array, count: number): boolean {
    const at = Math.floor(path.position / IDS_IN_CHUNK);
    return path.position < count && equal(pathDigest(count * HASH_BYTES, at, path.chunk, path.siblings), root);
}

/** @throws FormatError where the bytes are no proof. */
export function readProof(bytes: Uint8Array): Proof {
    if (bytes.length > MAX_BYTES) {
        throw new FormatError('longer than any proof');
    }
    const reader = new WireReader(bytes);
    reader.check(reader.u32() === MAGIC, 'no proof');
    reader.check(reader.u16() === FORMAT_VERSION && reader.u16() === PROTOCOL_VERSION, 'another version');
    const [chainId, firstEpoch, ends] = [reader.hash(), reader.u64(), reader.u32()];
    const [blocks, lane, records, hasParent] = [reader.u16(), reader.u16(), reader.u16(), reader.u8()];
    reader.reserved(1);
    const [position, acceptedPosition] = [reader.u32(), reader.u32()];
    reader.reserved(4);
    const counts = blocks > 0 && blocks <= MOST_PARTS && lane > 0 && lane <= MOST_PARTS && records <= MOST_PARTS;
    reader.check(counts && hasParent <= 1 && (records > 0 || acceptedPosition === 0), 'no counts of a proof');
    reader.check(ends <= reader.remaining / LEAST_END, 'cut short');
    const epochs = Array.from({ length: ends }, () => readEnd(reader));
    const parent = hasParent === 1 ? readBlock(reader) : null;
    const chained = some(blocks, () => readBlock(reader));
    const certificate = readCertificate(reader, last(chained).cut.length);
    const vertices = some(lane, () => readVertexHeader(reader));
    const path = readPath(reader, position, last(vertices).transactionCount);
    const accepted = records > 0 ? readAcceptance(reader, records, acceptedPosition) : null;
    reader.finish();
    return { chainId, firstEpoch, ends: epochs, parent, blocks: chained, certificate, lane: vertices, path, accepted };
}

export function last<T>(list: readonly [T, ...T[]]): T {
    return list[list.length - 1] ?? list[0];
}

function some<T>(count: number, read: () => T): [T, ...T[]] {
    const first = read();
    return [first, ...Array.from({ length: count - 1 }, read)];
}

function readEnd(reader: WireReader): ProofEpochEnd {
    const block = readBlock(reader);
    const certificate = readCertificate(reader, block.cut.length);
    return { last: block, certificate, next: readNext(reader) };
}

function readNext(reader: WireReader): ProofEpochEnd['next'] {
    switch (reader.u8()) {
        case NEXT_SAME:
            return 'same';
        case NEXT_WEIGHTS: {
            const count = reader.u16();
            reader.check(count > 0 && count <= MAX_COMMITTEE, 'no size of a committee');
            return Array.from({ length: count }, () => reader.u32());
        }
        case NEXT_WHOLE:
            return readMembers(reader);
        default:
            throw new FormatError('unknown way to tell the next members');
    }
}

/** How many ids the list has fixes how long the path is. */
function readPath(reader: WireReader, position: number, count: number): IdPath {
    reader.check(position < count, 'no such place among the ids');
    const sizes = pathSizes(count * HASH_BYTES, Math.floor(position / IDS_IN_CHUNK));
    return { position, chunk: reader.take(sizes.chunk), siblings: reader.take(sizes.siblings) };
}

function readAcceptance(reader: WireReader, count: number, position: number): Proof['accepted'] {
    const records = some(count, () => readStateRecord(reader));
    return { records, path: readPath(reader, position, records[0].accepted) };
}
