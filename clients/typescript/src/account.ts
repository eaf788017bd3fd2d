import { ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { concat, fromHex, toHex } from './bytes.js';
import { hash } from './hash.js';
import { WireWriter } from './wire.js';

/** What an envelope is for. */
export const Purpose = { data: 1, stake: 2 } as const;

export interface EnvelopeOptions {
    readonly purpose?: number;
    /** Signs without fresh randomness, so that the same input gives the same bytes: for test vectors. */
    readonly deterministic?: boolean;
}

export const MAX_ENVELOPE_DATA_BYTES = 60_861;

const ACCOUNT_KEY_KIND = 0x80;
const ENVELOPE_TAG = 0x17;
const SEED_BYTES = 32;
const CONTEXT = new TextEncoder().encode('validator-envelope');
const KEY_FILE = /^validator-key 1\npurpose: account\nalgorithm: ml-dsa-87\nseed: ([0-9a-f]{64})\n*$/;

/** A client's ML-DSA-87 key, which signs envelopes. Whoever has the seed can sign for the account. */
export class Account {
    /** 64 hexadecimal digits: BLAKE3 of 0x80 and the public key. */
    readonly id: string;
    readonly publicKey: Uint8Array;
    readonly #account: Uint8Array;
    readonly #secretKey: Uint8Array;

    private constructor(seed: Uint8Array) {
        const { publicKey, secretKey } = ml_dsa87.keygen(seed);
        this.publicKey = publicKey;
        this.#secretKey = secretKey;
        this.#account = hash(Uint8Array.of(ACCOUNT_KEY_KIND), publicKey);
        this.id = toHex(this.#account);
    }

    static generate(): Account {
        return new Account(crypto.getRandomValues(new Uint8Array(SEED_BYTES)));
    }

    static fromSeed(seed: Uint8Array): Account {
        if (seed.length !== SEED_BYTES) {
            throw new RangeError(`a seed has ${SEED_BYTES} bytes`);
        }
        return new Account(seed);
    }

    /** @param text The content of a file of `validator account new` that is not sealed by a passphrase. */
    static fromKeyFile(text: string): Account {
        if (text.startsWith('validator-key 2\n')) {
            throw new TypeError('the key is sealed by a passphrase, which this library does not open');
        }
        const seed = KEY_FILE.exec(text)?.[1];
        if (seed === undefined) {
            throw new TypeError("expected a key file of four lines, 'validator-key 1', of an account");
        }
        return new Account(fromHex(seed));
    }

    /**
     * An envelope, the bytes of a transaction of kind 1.
     * @param nonce Never used before with this key: above the highest, or at most 63 below it.
     */
    sign(chainId: string, nonce: bigint, data: Uint8Array, options: EnvelopeOptions = {}): Uint8Array {
        if (data.length < 1 || data.length > MAX_ENVELOPE_DATA_BYTES) {
            throw new RangeError(`an envelope's data has 1 to ${MAX_ENVELOPE_DATA_BYTES} bytes, not ${data.length}`);
        }
        if (nonce < 0n || nonce >= 2n ** 64n) {
            throw new RangeError('a nonce has 64 bits');
        }
        const purpose = options.purpose ?? Purpose.data;
        const message = new WireWriter()
            .u8(ENVELOPE_TAG)
            .u8(purpose)
            .zeros(6)
            .raw(fromHex(chainId))
            .raw(this.#account)
            .u64(nonce)
            .raw(hash(data))
            .done();
        const entropy = options.deterministic === true ? { extraEntropy: false as const } : {};
        const signature = ml_dsa87.sign(message, this.#secretKey, { context: CONTEXT, ...entropy });
        const head = new WireWriter().u8(purpose).zeros(7).u64(nonce).raw(this.#account).done();
        return concat(head, data, signature);
    }
}
