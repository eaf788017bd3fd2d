import { concat } from './bytes.js';
import { ProblemError, UncertainError, UnreachableError } from './errors.js';
import { transactionId } from './hash.js';
import { toArray, toObject } from './json.js';
import { readReceipt, type Receipt } from './receipts.js';
import { isNotAllowed, type Validators } from './validators.js';
import { WireWriter } from './wire.js';

/** What a submission waits for: durable at one validator, final, or executed by others too. */
export type Wait = 'durable' | 'finalized' | 'strong';

export interface Item {
    readonly id: string;
    readonly kind: number;
    readonly bytes: Uint8Array;
    /** The public key of an envelope's account, where it is known. */
    readonly key: Uint8Array | null;
}

export function toItem(bytes: Uint8Array, kind: number, key: Uint8Array | null): Item {
    return { id: transactionId(bytes, kind), kind, bytes, key };
}

/** Refusals of what was not taken, so that no trace of an attempt is left. */
const NOT_TAKEN = new Set(['disk-low', 'left-committee']);

/**
 * Hands transactions to one validator after the other until their outcome is known. The same bytes may reach several: they count
 * once, by id within the chain's dedup window, and envelopes by their nonce for ever.
 */
export class Submitter {
    readonly #validators: Validators;

    constructor(validators: Validators) {
        this.#validators = validators;
    }

    /** All in one request, and so in one vertex. */
    async place(items: readonly Item[], wait: Wait, signal: AbortSignal | undefined): Promise<Receipt[]> {
        let mayBeTaken = false;
        try {
            return await this.#validators.persist(async (url) => {
                const known = mayBeTaken ? await this.#findAll(url, items, signal) : null;
                if (known !== null) {
                    return known;
                }
                try {
                    const answers = await this.#post(url, items, wait, signal);
                    const settled = await Promise.all(answers.map((receipt) => this.#settle(url, receipt, mayBeTaken, signal)));
                    if (wait !== 'durable' && settled.some((receipt) => receipt.status === 'durable')) {
                        mayBeTaken = true;
                        throw new UnreachableError(url, 'durable, and not final in time');
                    }
                    return settled;
                } catch (error) {
                    mayBeTaken ||= leavesTraces(error);
                    throw error;
                }
            }, signal);
        } catch (error) {
            throw mayBeTaken
                ? new UncertainError(
                      items.map((item) => item.id),
                      error,
                  )
                : error;
        }
    }

    async find(url: string, id: string, signal: AbortSignal | undefined): Promise<Receipt | null> {
        try {
            const { body } = await this.#validators.json(url, `/v1/transactions/${id}`, {}, signal);
            return readReceipt(body);
        } catch (error) {
            if (error instanceof ProblemError && error.status === 404) {
                return null;
            }
            throw error;
        }
    }

    /** After an attempt whose outcome is not known: null unless the outcome of all is known by now. */
    async #findAll(url: string, items: readonly Item[], signal: AbortSignal | undefined): Promise<Receipt[] | null> {
        const found: Receipt[] = [];
        for (const item of items) {
            const receipt = await this.#findIfAllowed(url, item.id, signal);
            if (receipt === null || receipt.status === 'durable') {
                return null;
            }
            found.push(receipt.status === 'finalized' ? { ...receipt, repeated: true } : receipt);
        }
        return found;
    }

    /** A token with the role submit alone may not ask. */
    async #findIfAllowed(url: string, id: string, signal: AbortSignal | undefined): Promise<Receipt | null> {
        try {
            return await this.find(url, id, signal);
        } catch (error) {
            if (isNotAllowed(error)) {
                return null;
            }
            throw error;
        }
    }

    async #post(url: string, items: readonly Item[], wait: Wait, signal: AbortSignal | undefined): Promise<Receipt[]> {
        const send = async (): Promise<Receipt[]> => {
            const [only] = items;
            const single = items.length === 1 && only !== undefined;
            const query = wait === 'durable' ? '' : `wait=${wait}`;
            const path = single ? `/v1/transactions?kind=${only.kind}&${query}` : `/v1/transactions/batch?${query}`;
            const request = { method: 'POST', body: single ? only.bytes : toBatch(items) } as const;
            const { body } = await this.#validators.json(url, path.replace(/[?&]$/, ''), request, signal);
            const states = single ? [body] : toArray(toObject(body, 'a batch')['transactions'], 'transactions');
            const receipts = states.map(readReceipt);
            if (receipts.length !== items.length || receipts.some((receipt, i) => receipt.id !== items[i]?.id)) {
                throw new TypeError(`${url} answered about other transactions`);
            }
            return receipts;
        };
        try {
            return await send();
        } catch (error) {
            if (
                !(error instanceof ProblemError) ||
                error.type !== 'account-key-needed' ||
                !(await this.#introduce(url, items, signal))
            ) {
                throw error;
            }
            return send();
        }
    }

    /** Gives a validator the keys of the envelopes' accounts; false where none is known. */
    async #introduce(url: string, items: readonly Item[], signal: AbortSignal | undefined): Promise<boolean> {
        const keys = new Set(items.map((item) => item.key).filter((key) => key !== null));
        for (const key of keys) {
            await this.#validators.json(url, '/v1/accounts', { method: 'POST', body: key }, signal);
        }
        return keys.size > 0;
    }

    /** A repeat has the place of the first; so has an envelope whose nonce an earlier attempt of its own has used. */
    async #settle(url: string, receipt: Receipt, retried: boolean, signal: AbortSignal | undefined): Promise<Receipt> {
        const repeat = receipt.status === 'finalized' && receipt.repeated;
        const ownNonce = receipt.status === 'rejected' && retried && receipt.reason.startsWith('nonce_');
        if (!repeat && !ownNonce) {
            return receipt;
        }
        const first = await this.#findIfAllowed(url, receipt.id, signal);
        return first?.status === 'finalized' ? { ...first, repeated: true } : receipt;
    }
}

/** Whether an attempt that failed so may have been taken all the same. */
function leavesTraces(error: unknown): boolean {
    return (
        error instanceof UnreachableError || (error instanceof ProblemError && error.status >= 500 && !NOT_TAKEN.has(error.type))
    );
}

function toBatch(items: readonly Item[]): Uint8Array {
    return concat(...items.flatMap((item) => [new WireWriter().u32(item.bytes.length).u8(item.kind).done(), item.bytes]));
}
