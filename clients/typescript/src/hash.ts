import { blake3 } from '@noble/hashes/blake3.js';
import { toHex } from './bytes.js';

/** BLAKE3, 32 bytes. */
export function hash(...parts: readonly Uint8Array[]): Uint8Array {
    const hasher = blake3.create();
    for (const part of parts) {
        hasher.update(part);
    }
    return hasher.digest();
}

/** What a transaction is. */
export const Kind = { opaque: 0, envelope: 1, system: 2 } as const;

/** A transaction's id, 64 hexadecimal digits: BLAKE3 of the kind, one byte, and the bytes. */
export function transactionId(bytes: Uint8Array, kind: number = Kind.opaque): string {
    return toHex(hash(Uint8Array.of(kind), bytes));
}
