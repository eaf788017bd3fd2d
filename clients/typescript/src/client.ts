import type { Account } from './account.js';
import { ProblemError, UnreachableError } from './errors.js';
import type { Genesis } from './genesis.js';
import { Kind } from './hash.js';
import { toBigInt, toObject, type JsonObject } from './json.js';
import { Nonces } from './nonces.js';
import { readProof } from './proof.js';
import type { Receipt } from './receipts.js';
import { readStatus, type Status } from './status.js';
import { follow, type FinalTransaction } from './stream.js';
import { Submitter, toItem, type Item, type Wait } from './submitter.js';
import { mayDoBetterElsewhere, Validators, type Request } from './validators.js';

export interface ClientOptions {
    /** The chain's genesis: validators of another chain are refused. Without it the first one that answers is believed. */
    readonly genesis?: Genesis;
    /** A bearer token with the roles that the calls need. */
    readonly token?: string;
    /** For one answer, milliseconds; a validator answers a wait after 30 s at the latest. */
    readonly timeoutMs?: number;
    /** How long a call tries one validator after the other, milliseconds. */
    readonly patienceMs?: number;
    readonly fetch?: typeof fetch;
}

export interface CallOptions {
    readonly signal?: AbortSignal;
}

export interface SubmitOptions extends CallOptions {
    /** `finalized` where it is not given. `strong` waits 30 s at most: see `finality` in the receipt. */
    readonly wait?: Wait;
    readonly kind?: number;
}

export interface FollowOptions extends CallOptions {
    /** The first index; what becomes final next where it is not given. */
    readonly from?: number;
}

export interface ProofOptions extends CallOptions {
    readonly fromEpoch?: bigint;
    readonly execution?: boolean;
}

const TIMEOUT_MS = 40_000;
const PATIENCE_MS = 90_000;
const MOST_IN_BATCH = 1_000;
const MOST_BATCH_BYTES = 256 * 1024;
const NONCE_TRIES = 3;

/** Talks to the validators of one chain. Calls go on at the next validator where one fails; what they submit counts once. */
export class ValidatorClient {
    readonly #validators: Validators;
    readonly #submitter: Submitter;
    readonly #nonces = new Map<string, Nonces>();

    /** @param validators The addresses of their APIs, such as `http://127.0.0.1:8080`; the first one is preferred. */
    constructor(validators: string | readonly string[], options: ClientOptions = {}) {
        this.#validators = new Validators(typeof validators === 'string' ? [validators] : validators, {
            fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
            chainId: options.genesis?.chainId ?? null,
            token: options.token ?? null,
            timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
            patienceMs: options.patienceMs ?? PATIENCE_MS,
        });
        this.#submitter = new Submitter(this.#validators);
    }

    /** Submits a transaction of 1 byte to 64 KiB, and waits for its outcome. */
    async submit(bytes: Uint8Array, options: SubmitOptions = {}): Promise<Receipt> {
        return only(await this.#place([toItem(bytes, options.kind ?? Kind.opaque, null)], options));
    }

    /**
     * Submits many: batch after batch, each in one vertex and there in the list's order. Receipts are in the order of the list.
     */
    async submitMany(transactions: readonly Uint8Array[], options: SubmitOptions = {}): Promise<Receipt[]> {
        const receipts: Receipt[] = [];
        for (const batch of split(transactions.map((bytes) => toItem(bytes, options.kind ?? Kind.opaque, null)))) {
            receipts.push(...(await this.#placeSplit(batch, options)));
        }
        return receipts;
    }

    /** Signs data in an envelope with the account's next nonce, and submits that. */
    async submitSigned(
        account: Account,
        data: Uint8Array,
        options: SubmitOptions & { readonly nonce?: bigint } = {},
    ): Promise<Receipt> {
        const chainId = await this.chainId(options);
        const sign = (nonce: bigint): Promise<Receipt[]> =>
            this.#place([toItem(account.sign(chainId, nonce, data), Kind.envelope, account.publicKey)], options);
        if (options.nonce !== undefined) {
            return only(await sign(options.nonce));
        }
        const nonces = this.#noncesOf(account.id);
        for (let left = NONCE_TRIES - 1; ; left--) {
            try {
                const receipt = only(await nonces.with(sign));
                if (receipt.status !== 'rejected' || !receipt.reason.startsWith('nonce_') || left === 0) {
                    return receipt;
                }
            } catch (error) {
                if (!(error instanceof ProblemError && error.type === 'nonce-too-old') || left === 0) {
                    throw error;
                }
            }
            nonces.refresh();
        }
    }

    /** Final transactions in their order, without gaps, over restarts and changes of validators. Ends when `signal` aborts. */
    async *finalized(options: FollowOptions = {}): AsyncGenerator<FinalTransaction> {
        const chainId = await this.chainId(options);
        const from = options.from ?? (await this.status(options)).nextFinalIndex;
        yield* follow(this.#validators, chainId, from, options.signal);
    }

    async status(options: CallOptions = {}): Promise<Status> {
        return this.#validators.persist(async (url) => {
            const { body } = await this.#validators.json(url, '/v1/status', {}, options.signal);
            return readStatus(url, body);
        }, options.signal);
    }

    /** What became of a transaction; null where no validator that answers knows of it. */
    async transaction(id: string, options: CallOptions = {}): Promise<Receipt | null> {
        let durable: Receipt | null = null;
        const { found } = await this.#askAll(async (url) => {
            const receipt = await this.#submitter.find(url, id, options.signal);
            durable = receipt?.status === 'durable' ? receipt : durable;
            return receipt?.status === 'durable' ? null : receipt;
        }, options);
        return found ?? durable;
    }

    /**
     * The proof that a transaction is final, which `verifyProof` checks. Waits while it is not final, and with `execution`
     * until the proof shows its index too, a block or two later; of a rejected transaction none ever does.
     * @param options.fromEpoch Leaves out how the epochs before ended, for who knows the committee of this one.
     */
    async proof(id: string, options: ProofOptions = {}): Promise<Uint8Array> {
        let unknown = 0;
        const elsewhere = (error: unknown): boolean =>
            mayDoBetterElsewhere(error) ||
            (error instanceof ProblemError &&
                (error.type === 'not-final' ||
                    ((error.status === 404 || error.status === 410) && ++unknown < this.#validators.urls.length)));
        const path = `/v1/transactions/${id}/proof?from_epoch=${options.fromEpoch ?? 0n}`;
        return this.#validators.persist(
            async (url) => {
                const proof = await this.#validators.bytes(url, path, options.signal);
                if (options.execution === true && readProof(proof).accepted === null) {
                    throw new UnreachableError(url, 'the proof does not show the execution yet');
                }
                return proof;
            },
            options.signal,
            elsewhere,
        );
    }

    /** A final block as the API tells it; null where no validator that answers has it. */
    async block(sequence: number, options: CallOptions = {}): Promise<JsonObject | null> {
        return (await this.#getAll(`/v1/blocks/${sequence}`, options)).found;
    }

    /** The highest nonce that was accepted of an account, as the validator that knows most says; 0 where none was. */
    async highestNonce(account: string, options: CallOptions = {}): Promise<bigint> {
        let highest = 0n;
        await this.#askAll(async (url) => {
            const state = await this.#get(url, `/v1/accounts/${account}`, options);
            const nonce = toBigInt(state?.['highest_nonce'] ?? 0, 'highest_nonce');
            highest = nonce > highest ? nonce : highest;
            return null;
        }, options);
        return highest;
    }

    /** 64 hexadecimal digits: genesis's, or else what the first validator that answered has said. */
    async chainId(options: CallOptions = {}): Promise<string> {
        return this.#validators.chainId ?? (await this.status(options)).chainId;
    }

    #noncesOf(account: string): Nonces {
        const nonces = this.#nonces.get(account) ?? new Nonces(() => this.highestNonce(account));
        this.#nonces.set(account, nonces);
        return nonces;
    }

    #place(items: readonly Item[], options: SubmitOptions): Promise<Receipt[]> {
        return this.#submitter.place(items, options.wait ?? 'finalized', options.signal);
    }

    /** A batch that does not fit this chain's vertices goes in halves. */
    async #placeSplit(items: readonly Item[], options: SubmitOptions): Promise<Receipt[]> {
        try {
            return await this.#place(items, options);
        } catch (error) {
            if (!(error instanceof ProblemError && error.status === 413) || items.length < 2) {
                throw error;
            }
            const half = items.length >> 1;
            return [
                ...(await this.#placeSplit(items.slice(0, half), options)),
                ...(await this.#placeSplit(items.slice(half), options)),
            ];
        }
    }

    /** Asks one after the other until one has it. Throws where none answers. */
    async #askAll<T>(ask: (url: string) => Promise<T | null>, options: CallOptions): Promise<{ found: T | null }> {
        let answered = false;
        let failure: unknown = null;
        for (const url of this.#validators.urls) {
            try {
                await this.#validators.check(url, options.signal);
                const found = await ask(url);
                if (found !== null) {
                    return { found };
                }
                answered = true;
            } catch (error) {
                options.signal?.throwIfAborted();
                failure = error;
            }
        }
        if (!answered) {
            throw failure;
        }
        return { found: null };
    }

    #getAll(path: string, options: CallOptions): Promise<{ found: JsonObject | null }> {
        return this.#askAll((url) => this.#get(url, path, options), options);
    }

    async #get(url: string, path: string, options: CallOptions): Promise<JsonObject | null> {
        const request: Request = {};
        try {
            return toObject((await this.#validators.json(url, path, request, options.signal)).body, path);
        } catch (error) {
            if (error instanceof ProblemError && (error.status === 404 || error.status === 410)) {
                return null;
            }
            throw error;
        }
    }
}

function only(receipts: readonly Receipt[]): Receipt {
    const [receipt] = receipts;
    if (receipt === undefined) {
        throw new TypeError('an answer without a transaction');
    }
    return receipt;
}

function split(items: readonly Item[]): Item[][] {
    const batches: Item[][] = [];
    let bytes = 0;
    for (const item of items) {
        const batch = batches[batches.length - 1];
        bytes += item.bytes.length;
        if (batch === undefined || batch.length === MOST_IN_BATCH || bytes > MOST_BATCH_BYTES) {
            batches.push([item]);
            bytes = item.bytes.length;
        } else {
            batch.push(item);
        }
    }
    return batches;
}
