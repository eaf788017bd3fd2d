import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of files that all clients share; the tests run from the package's folder. */
export const CONFORMANCE = join(process.cwd(), '../conformance');

export interface EnvelopeVector {
    readonly chain_id: string;
    readonly nonce: string;
    readonly data: string;
    readonly envelope: string;
    readonly id: string;
}

export interface ProofVector {
    readonly name: string;
    readonly id: string;
    readonly proof: string;
    readonly index: string | null;
    readonly block: readonly [string, string, string];
    readonly certified: readonly [string, string, string];
    readonly votes: string;
    /** By fault: changes of one byte, "OFFSET^MASK ...". */
    readonly mutations: Readonly<Record<string, string>>;
}

export interface Vectors {
    readonly accounts: readonly {
        readonly key_file: string;
        readonly account: string;
        readonly public_key: string;
        readonly envelopes: readonly EnvelopeVector[];
    }[];
    readonly chains: readonly { readonly name: string; readonly genesis: string; readonly proofs: readonly ProofVector[] }[];
}

export function vectors(): Vectors {
    return JSON.parse(readFileSync(join(CONFORMANCE, 'vectors.json'), 'utf8')) as Vectors;
}
