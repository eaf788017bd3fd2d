import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blake3 } from '@noble/hashes/blake3.js';
import { CHUNK_BYTES, chunkValue, parentValue, pathDigest, pathSizes, toBytes } from '../src/blake3-path.js';
import { concat, fromBase64, toHex } from '../src/bytes.js';
import { FormatError, parseGenesis, ProofError, verifyProof, type Genesis } from '../src/index.js';
import { vectors, type ProofVector } from './vectors.js';

interface Case {
    readonly genesis: Genesis;
    readonly vector: ProofVector;
    readonly proof: Uint8Array;
}

const cases: Case[] = vectors().chains.flatMap((chain) =>
    chain.proofs.map((vector) => ({ genesis: parseGenesis(chain.genesis), vector, proof: fromBase64(vector.proof) })),
);

function faultOf({ genesis, vector }: Case, proof: Uint8Array): string | null {
    try {
        verifyProof(proof, genesis, vector.id);
        return null;
    } catch (error) {
        if (error instanceof ProofError) {
            return error.fault;
        }
        assert.ok(error instanceof FormatError, String(error));
        return 'malformed';
    }
}

// Protects: proofs of the product hold, over ends of epochs of each kind, and say what the product says of them.
test('proofs of the product hold, and tell what the product tells', () => {
    assert.equal(cases.length, 6);
    for (const { genesis, vector, proof } of cases) {
        const proven = verifyProof(proof, genesis, vector.id);
        assert.equal(proven.index, vector.index === null ? null : BigInt(vector.index), vector.name);
        assert.deepEqual([`${proven.block.sequence}`, `${proven.block.epoch}`, proven.block.hash], vector.block);
        const { sequence, epoch, view } = proven.certified;
        assert.deepEqual([`${sequence}`, `${epoch}`, `${view}`], vector.certified);
        assert.ok(vector.votes.endsWith(`weight ${proven.weight} of ${proven.totalWeight}`), vector.votes);
    }
});

// Protects: a changed proof is refused, and for the reason that the product gives: the same checks in the same order.
test('a changed byte is refused for the reason that the product gives', () => {
    let seen = 0;
    for (const each of cases) {
        for (const [fault, changes] of Object.entries(each.vector.mutations)) {
            for (const change of changes.split(' ')) {
                const [offset, mask] = change.split('^').map(Number) as [number, number];
                const proof = each.proof.slice();
                proof[offset] = (proof[offset] ?? 0) ^ mask;
                assert.equal(faultOf(each, proof), fault, `${each.vector.name}: ${change}`);
                seen++;
            }
        }
    }
    assert.ok(seen > 2000, `${seen} changes`);
});

// Protects: what is cut short, too long, empty or noise is a FormatError, never another one or an endless loop.
test('cut and longer proofs are refused', () => {
    for (const each of cases.slice(-1)) {
        for (let length = 0; length < each.proof.length; length += 13) {
            assert.equal(faultOf(each, each.proof.slice(0, length)), 'malformed');
        }
        assert.equal(faultOf(each, concat(each.proof, Uint8Array.of(0))), 'malformed');
        const counts = each.proof.slice();
        counts.fill(0xff, 48, 72);
        assert.equal(faultOf(each, counts), 'malformed');
    }
});

// Protects: a proof is of the chain and of the transaction that the reader asks for.
test('a proof of another chain or transaction is refused', () => {
    for (const each of cases) {
        for (const other of cases) {
            const fault = faultOf({ ...each, genesis: other.genesis }, each.proof);
            assert.equal(fault, each.genesis.chainId === other.genesis.chainId ? null : 'other-chain');
            if (each !== other) {
                assert.throws(() => verifyProof(each.proof, each.genesis, other.vector.id), { fault: 'other-transaction' });
            }
        }
    }
});

// Protects: who has verified one proof may begin the next at its epoch, and at no other.
test('an epoch that a proof has shown is trusted in place of genesis', () => {
    for (const { genesis, vector, proof } of cases) {
        const { epoch } = verifyProof(proof, genesis, vector.id);
        assert.equal(epoch.number > 0n, vector.block[1] !== '0');
        if (epoch.number > 0n) {
            assert.throws(() => verifyProof(proof, epoch, vector.id), { fault: 'other-first-epoch' });
        }
    }
});

/** The value of the subtree over these chunks, and of each subtree beside the way to the chunk, the nearest first. */
function climb(chunks: readonly Uint8Array[], first: number, at: number, siblings: Uint8Array[]): number[] {
    const [only] = chunks;
    if (chunks.length === 1 && only !== undefined) {
        return chunkValue(only, first, false);
    }
    const half = 2 ** Math.floor(Math.log2(chunks.length - 1));
    const left = climb(chunks.slice(0, half), first, at < half ? at : -1, siblings);
    const right = climb(chunks.slice(half), first + half, at < half ? -1 : at - half, siblings);
    if (at >= 0) {
        siblings.push(toBytes(at < half ? right : left));
    }
    return parentValue(left, right, false);
}

// Protects: the path in BLAKE3's tree leads to BLAKE3 of the list, for whole and broken trees of all small sizes.
test('a path leads to the hash that the reference gives', () => {
    for (const bytes of [32, 1024, 1056, 2048, 2080, 3072, 4096, 4128, 5 * 1024 + 32, 8192, 11_296, 16_384 + 64]) {
        const message = Uint8Array.from({ length: bytes }, (_, i) => (i * 7) & 255);
        const chunks = Array.from({ length: Math.ceil(bytes / CHUNK_BYTES) }, (_, i) =>
            message.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES),
        );
        chunks.forEach((chunk, at) => {
            const siblings: Uint8Array[] = [];
            climb(chunks, 0, at, siblings);
            assert.deepEqual(pathSizes(bytes, at), { chunk: chunk.length, siblings: 32 * siblings.length });
            assert.equal(toHex(pathDigest(bytes, at, chunk, concat(...siblings))), toHex(blake3(message)), `${bytes}, ${at}`);
        });
    }
});

// Protects: genesis is taken as it is hashed: what was changed in it, or is unknown, is refused.
test('a changed genesis is refused', () => {
    for (const { genesis: text } of vectors().chains) {
        const good = parseGenesis(text);
        for (const [from, to] of [
            ['"window_blocks": 32', '"window_blocks": 33'],
            ['"name": "node-1"', '"name": "node-9"'],
            ['"weight": 1', '"weight": 2'],
            ['"format": 1', '"format": 2'],
            ['"format": 1', '"format": 1, "more": 1'],
            [good.chainId, '00'.repeat(32)],
        ] as const) {
            assert.ok(text.includes(from));
            assert.throws(() => parseGenesis(text.replace(from, to)), TypeError, from);
        }
    }
});
