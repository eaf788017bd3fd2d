/**
 * BLAKE3 is a binary tree over chunks of 1,024 bytes: one chunk and the chaining values beside its way to the root prove what
 * stands in a long message. The message's length fixes the tree; whoever verifies must know it from elsewhere (decision 89).
 */

export const CHUNK_BYTES = 1024;
export const VALUE_BYTES = 32;

const BLOCK_BYTES = 64;
const CHUNK_START = 1;
const CHUNK_END = 2;
const PARENT = 4;
const ROOT = 8;
const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const COLUMNS_AND_DIAGONALS = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
] as const;

/** Bytes of chunk and siblings at a chunk of a message of so many bytes. */
export function pathSizes(messageBytes: number, chunk: number): { chunk: number; siblings: number } {
    const length = Math.min(CHUNK_BYTES, messageBytes - chunk * CHUNK_BYTES);
    return { chunk: length, siblings: way(messageBytes, chunk).length * VALUE_BYTES };
}

/** The digest of the message that has this chunk in that place, and these siblings beside it, the nearest first. */
export function pathDigest(messageBytes: number, at: number, chunk: Uint8Array, siblings: Uint8Array): Uint8Array {
    const sides = way(messageBytes, at);
    let value = chunkValue(chunk, at, sides.length === 0);
    sides.forEach((right, level) => {
        const sibling = words(siblings.subarray(level * VALUE_BYTES, (level + 1) * VALUE_BYTES), 8);
        const root = level === sides.length - 1;
        value = right ? parentValue(sibling, value, root) : parentValue(value, sibling, root);
    });
    return toBytes(value);
}

/** A chaining value as it stands in a path. */
export function toBytes(value: readonly number[]): Uint8Array {
    const bytes = new Uint8Array(VALUE_BYTES);
    const view = new DataView(bytes.buffer);
    value.forEach((word, i) => view.setUint32(4 * i, word, true));
    return bytes;
}

/** From the chunk up: whether the way comes from the right. */
function way(messageBytes: number, chunk: number): boolean[] {
    const sides: boolean[] = [];
    let count = Math.max(1, Math.ceil(messageBytes / CHUNK_BYTES));
    let at = chunk;
    while (count > 1) {
        // The left subtree has the largest power of two that leaves something to the right.
        const left = 2 ** (31 - Math.clz32(count - 1));
        const right = at >= left;
        sides.unshift(right);
        at -= right ? left : 0;
        count = right ? count - left : left;
    }
    return sides;
}

/** @param root Whether the chunk is the whole message. */
export function chunkValue(chunk: Uint8Array, number: number, root: boolean): number[] {
    const blocks = Math.max(1, Math.ceil(chunk.length / BLOCK_BYTES));
    let value: readonly number[] = IV;
    for (let i = 0; i < blocks; i++) {
        const block = chunk.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
        const ends = (i === 0 ? CHUNK_START : 0) | (i === blocks - 1 ? CHUNK_END | (root ? ROOT : 0) : 0);
        value = compress(value, words(block, 16), number, block.length, ends);
    }
    return [...value];
}

export function parentValue(left: readonly number[], right: readonly number[], root: boolean): number[] {
    return compress(IV, [...left, ...right], 0, BLOCK_BYTES, PARENT | (root ? ROOT : 0));
}

function words(bytes: Uint8Array, count: number): number[] {
    return Array.from({ length: count }, (_, i) => {
        const at = 4 * i;
        return (
            ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0
        );
    });
}

function compress(
    chaining: readonly number[],
    block: readonly number[],
    counter: number,
    length: number,
    flags: number,
): number[] {
    const state = Uint32Array.of(...chaining, ...IV.slice(0, 4), counter, 0, length, flags);
    let message = [...block];
    for (let round = 0; round < 7; round++) {
        COLUMNS_AND_DIAGONALS.forEach(([a, b, c, d], i) => mix(state, a, b, c, d, message[2 * i] ?? 0, message[2 * i + 1] ?? 0));
        message = PERMUTATION.map((from) => message[from] ?? 0);
    }
    return Array.from({ length: 8 }, (_, i) => ((state[i] ?? 0) ^ (state[i + 8] ?? 0)) >>> 0);
}

function mix(state: Uint32Array, a: number, b: number, c: number, d: number, x: number, y: number): void {
    let [va, vb, vc, vd] = [state[a] ?? 0, state[b] ?? 0, state[c] ?? 0, state[d] ?? 0];
    va = (va + vb + x) | 0;
    vd = rotate(vd ^ va, 16);
    vc = (vc + vd) | 0;
    vb = rotate(vb ^ vc, 12);
    va = (va + vb + y) | 0;
    vd = rotate(vd ^ va, 8);
    vc = (vc + vd) | 0;
    vb = rotate(vb ^ vc, 7);
    state[a] = va;
    state[b] = vb;
    state[c] = vc;
    state[d] = vd;
}

function rotate(word: number, bits: number): number {
    return (word >>> bits) | (word << (32 - bits));
}
