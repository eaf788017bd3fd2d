import { ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { concat, toHex } from '../src/bytes.js';
import type { Member } from '../src/committee.js';
import { hash } from '../src/hash.js';
import { parseGenesis, toUtf8, type Genesis, type ProofFault } from '../src/index.js';
import { HASH_BYTES, WireWriter } from '../src/wire.js';

// A committee of four whose keys are ours: what its members could sign together, and a verifier must refuse all the same.
const keys = [1, 2, 3, 4].map((n) => ({
    consensus: ml_dsa87.keygen(new Uint8Array(32).fill(n)),
    transport: ml_dsa87.keygen(new Uint8Array(32).fill(n + 16)).publicKey,
}));
export const genesis = makeGenesis();
const chainId = hash(genesis.encoded);
const ids = [hash(toUtf8('first')), hash(toUtf8('second'))];
export const ID = toHex(ids[1] ?? chainId);
const ZERO = new Uint8Array(HASH_BYTES);

interface Shape {
    /** 2 is a commit certificate, 1 a prepared one, 3 a recovered one. */
    readonly phase: number;
    readonly voters: readonly number[];
    readonly endsEpoch: boolean;
    readonly parentHeight: bigint;
    /** Vertices from the cut down to the transaction's. */
    readonly depth: bigint;
    readonly author: number;
    readonly withParent: boolean;
    readonly gap: bigint;
}

const GOOD: Shape = {
    phase: 2,
    voters: [0, 1, 2],
    endsEpoch: false,
    parentHeight: 1n,
    depth: 2n,
    author: 1,
    withParent: true,
    gap: 1n,
};

function makeGenesis(): { json: string; encoded: Uint8Array; parsed: Genesis } {
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
    const members = keys.map((key, i) => ({
        name: `node-${i + 1}`,
        weight: 1,
        consensus_key: base64(key.consensus.publicKey),
        transport_key: base64(key.transport),
    }));
    const parameters = {
        window_blocks: 32,
        timestamp_bound_micros: 2_000_000,
        max_vertex_payload_bytes: 524_288,
        max_block_vertices: 4096,
        dedup_window: 1_048_576,
        epoch_length_blocks: 0,
    };
    const json = JSON.stringify({ format: 1, network: 'forged', timestamp_micros: 1, parameters, members });
    const parsed = parseGenesis(json);
    const writer = new WireWriter().u32(0x4e454756).u16(1).u16(1).u64(1n).u32(32).u32(524_288).u64(2_000_000n).u32(4096);
    writer.u32(1_048_576).u64(0n).u8(6).raw(toUtf8('forged')).u16(4);
    for (const { name, weight, consensusKey, transportKey } of parsed.members as Member[]) {
        writer.u8(name.length).raw(toUtf8(name)).u32(weight).raw(consensusKey).raw(transportKey);
    }
    return { json, encoded: writer.done(), parsed };
}

function block(sequence: bigint, parent: Uint8Array, ends: boolean, author: number, height: bigint, tip: Uint8Array): Uint8Array {
    const writer = new WireWriter()
        .u8(0x11)
        .zeros(1)
        .u16(4)
        .zeros(4)
        .u64(0n)
        .u64(sequence)
        .u64(1n)
        .u64(sequence - 1n);
    writer
        .raw(parent)
        .raw(ZERO)
        .raw(ends ? hash(parent) : ZERO);
    for (let lane = 0; lane < 4; lane++) {
        writer.u64(lane === author ? height : 0n).raw(lane === author && height > 0n ? tip : ZERO);
    }
    return writer.done();
}

function vertex(author: number, height: bigint, before: Uint8Array): Uint8Array {
    const writer = new WireWriter().u8(0x10).zeros(1).u16(4).u16(author).zeros(2).u64(0n).u64(height).u32(12).u32(2);
    return writer
        .raw(before)
        .raw(hash(...ids))
        .zeros(160)
        .done();
}

function certificate({ phase, voters }: Shape, sequence: bigint, blockHash: Uint8Array): Uint8Array {
    const writer = new WireWriter().u8(phase).zeros(1).u16(voters.length).zeros(4).u64(0n).u64(0n).u64(sequence).raw(blockHash);
    for (const voter of voters) {
        const kind = phase === 2 ? 4 : phase === 3 ? 10 : voter === 0 ? 2 : 3;
        const message = new WireWriter().u16(1).u8(kind).zeros(1).u16(voter).zeros(2).u64(0n).u64(0n).u64(sequence);
        message.raw(blockHash).raw(chainId);
        const { secretKey } = keys[voter]?.consensus ?? { secretKey: ZERO };
        writer.u16(voter).raw(ml_dsa87.sign(message.done(), secretKey, { context: Uint8Array.of(kind) }));
    }
    return writer.done();
}

/** Vertices 1 to 3 of a lane; block 5 is the parent, block 6 orders the transaction, and the certificate proves block 6. */
export function forge(change: Partial<Shape> = {}): Uint8Array {
    const shape = { ...GOOD, ...change };
    const vertices: Uint8Array[] = [];
    for (let height = 1n; height <= 3n; height++) {
        const before = vertices.at(-1);
        vertices.push(vertex(shape.author, height, before === undefined ? ZERO : hash(before)));
    }
    const at = (height: bigint): Uint8Array => vertices[Number(height) - 1] ?? ZERO;
    const parent = block(5n, hash(toUtf8('before')), false, shape.author, shape.parentHeight, hash(at(shape.parentHeight)));
    const ordering = block(5n + shape.gap, hash(parent), shape.endsEpoch, shape.author, 3n, hash(at(3n)));
    const lane: Uint8Array[] = [];
    for (let height = 3n; height >= 4n - shape.depth; height--) {
        lane.push(at(height));
    }
    const head = new WireWriter().u32(0x46525056).u16(1).u16(1).raw(chainId).u64(0n).u32(0).u16(1).u16(lane.length).u16(0);
    head.u8(shape.withParent ? 1 : 0)
        .zeros(1)
        .u32(1)
        .u32(0)
        .zeros(4);
    const blocks = shape.withParent ? [parent, ordering] : [ordering];
    return concat(head.done(), ...blocks, certificate(shape, 5n + shape.gap, hash(ordering)), ...lane, ...ids);
}

export interface Forgery {
    readonly name: string;
    readonly fault: ProofFault | null;
    readonly change: Partial<Shape>;
}

/** What is signed well and shows nothing, and two that show something. */
export const FORGERIES: readonly Forgery[] = [
    { name: 'a quorum of Commits', fault: null, change: {} },
    { name: 'Prepares of all', fault: null, change: { phase: 1, voters: [0, 1, 2, 3] } },
    { name: 'too little weight', fault: 'not-certified', change: { voters: [1, 3] } },
    { name: 'Prepares of a quorum', fault: 'not-certified', change: { phase: 1 } },
    {
        name: "Prepares for an epoch's last block",
        fault: 'not-certified',
        change: { endsEpoch: true, phase: 1, voters: [0, 1, 2, 3] },
    },
    { name: 'a recovery of a block that ends nothing', fault: 'not-certified', change: { phase: 3 } },
    { name: 'a vertex that the parent had ordered', fault: 'ordered-before', change: { depth: 3n } },
    { name: 'a parent that is left out', fault: 'wrong-parent', change: { withParent: false } },
    { name: 'a parent two blocks before', fault: 'wrong-parent', change: { gap: 2n } },
];
