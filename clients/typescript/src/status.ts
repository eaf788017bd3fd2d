import { toBigInt, toObject, toSafe, toText, type JsonObject } from './json.js';

/** What one validator says of itself. */
export interface Status {
    /** Whose it is: the address that was asked, and the name in genesis. */
    readonly validator: string;
    readonly node: string;
    readonly chainId: string;
    readonly ready: boolean;
    /** Why it is not ready; empty when it is. */
    readonly reason: string;
    readonly epoch: bigint;
    readonly view: bigint;
    readonly finalSequence: number;
    readonly executedSequence: number;
    /** The oldest index that it keeps, and the one that the next final transaction gets. */
    readonly firstFinalIndex: number;
    readonly nextFinalIndex: number;
    /** Every member of the answer, by the names of docs/API.md. */
    readonly all: JsonObject;
}

export function readStatus(validator: string, body: unknown): Status {
    const all = toObject(body, 'status');
    return {
        validator,
        node: toText(all['node'], 'node'),
        chainId: toText(all['chain_id'], 'chain_id'),
        ready: all['ready'] === true,
        reason: toText(all['reason'], 'reason'),
        epoch: toBigInt(all['epoch'], 'epoch'),
        view: toBigInt(all['view'], 'view'),
        finalSequence: toSafe(all['final_sequence'], 'final_sequence'),
        executedSequence: toSafe(all['executed_sequence'], 'executed_sequence'),
        firstFinalIndex: toSafe(all['first_final_index'], 'first_final_index'),
        nextFinalIndex: toSafe(all['next_final_index'], 'next_final_index'),
        all,
    };
}
