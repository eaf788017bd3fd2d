import { toObject, toSafe, toText, type JsonObject } from './json.js';

/** It is in a vertex that is durable at one validator, and not ordered yet. */
export interface Durable {
    readonly id: string;
    readonly status: 'durable';
}

/** It has a place in the order for good. */
export interface Finalized {
    readonly id: string;
    readonly status: 'finalized';
    readonly index: number;
    /** Null where it was ordered so long ago that the validator does not know the block any more. */
    readonly block: number | null;
    /** `final`, `strong67`, `strong75` or `strong82`, as the validator that answered knows; null where it did not say. */
    readonly finality: string | null;
    /** The same bytes had been ordered before: by an earlier attempt of this call, or by another one. They count once. */
    readonly repeated: boolean;
}

/** It was ordered and counts for nothing: `nonce_used`, `nonce_too_old`, `accounts_full`, or why a change has no effect. */
export interface Rejected {
    readonly id: string;
    readonly status: 'rejected';
    readonly reason: string;
    readonly block: number | null;
}

export type Receipt = Durable | Finalized | Rejected;

/** A state as the API tells it; a repeat is told as the first one's finality. */
export function readReceipt(value: unknown): Receipt {
    const state = toObject(value, 'a transaction');
    const id = toText(state['id'], 'id');
    switch (state['status']) {
        case 'durable':
            return { id, status: 'durable' };
        case 'finalized':
            return finalized(id, state, state['index'], state['block'], false);
        case 'rejected':
            return state['first_index'] !== undefined
                ? finalized(id, state, state['first_index'], null, true)
                : { id, status: 'rejected', reason: toText(state['reason'], 'reason'), block: toSafe(state['block'], 'block') };
        default:
            throw new TypeError(`a transaction has the unknown status ${String(state['status'])}`);
    }
}

function finalized(id: string, state: JsonObject, index: unknown, block: unknown, repeated: boolean): Finalized {
    const finality = typeof state['finality'] === 'string' && !repeated ? state['finality'] : null;
    return {
        id,
        status: 'finalized',
        index: toSafe(index, 'index'),
        block: block === null ? null : toSafe(block, 'block'),
        finality,
        repeated,
    };
}
