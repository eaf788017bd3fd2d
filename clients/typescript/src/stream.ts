import { fromBase64 } from './bytes.js';
import { OrderError, ProblemError, UnreachableError } from './errors.js';
import { readEvents } from './events.js';
import { transactionId } from './hash.js';
import { parseJson, toObject, toSafe, toText } from './json.js';
import { mayDoBetterElsewhere, type Validators } from './validators.js';

/** A transaction in the one order that all validators have. */
export interface FinalTransaction {
    readonly index: number;
    readonly block: number;
    readonly id: string;
    readonly kind: number;
    readonly bytes: Uint8Array;
}

/** Validators send a comment every 10 s. */
const SILENCE_MS = 30_000;

/**
 * Final transactions from an index on, over lost connections and from one validator to the next. Each has the index after
 * the one before, and its id is that of its bytes; a new connection begins with the last one seen, which must be the same.
 * @throws OrderError where validators contradict each other.
 */
export async function* follow(
    validators: Validators,
    chainId: string,
    from: number,
    signal: AbortSignal | undefined,
): AsyncGenerator<FinalTransaction> {
    const stopped = (): boolean => signal?.aborted === true;
    let next = from;
    let last: FinalTransaction | null = null;
    while (!stopped()) {
        const ended = new AbortController();
        const whole = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal]);
        try {
            let expected = last;
            const { url, body } = await open(validators, `from=${last?.index ?? next}&chain=${chainId}&wait=true`, whole, signal);
            try {
                for await (const event of readEvents(body, SILENCE_MS, () => ended.abort())) {
                    const transaction = read(event.data);
                    if (expected !== null) {
                        checkSame(transaction, expected, url);
                        expected = null;
                        continue;
                    }
                    check(transaction, next, url);
                    last = transaction;
                    next++;
                    yield transaction;
                }
                validators.fail(url, null);
            } catch (error) {
                // Once it has begun, whatever ends a stream but a contradiction is a lost connection.
                if (error instanceof OrderError) {
                    throw error;
                }
                validators.fail(url, error);
            }
        } catch (error) {
            if (!stopped()) {
                throw error;
            }
        } finally {
            ended.abort();
        }
    }
}

/** At the first validator that has the index: another may have deleted it. */
async function open(
    validators: Validators,
    query: string,
    whole: AbortSignal,
    caller: AbortSignal | undefined,
): Promise<{ url: string; body: ReadableStream<Uint8Array> }> {
    let gone = 0;
    const mayKeepIt = (error: unknown): boolean =>
        mayDoBetterElsewhere(error) || (error instanceof ProblemError && error.status === 410 && ++gone < validators.urls.length);
    return validators.persist(
        async (url) => {
            const response = await validators.open(url, `/v1/finalized?${query}`, { accept: 'text/event-stream' }, whole, caller);
            if (response.body === null) {
                throw new UnreachableError(url, 'an answer without a body');
            }
            return { url, body: response.body };
        },
        caller,
        mayKeepIt,
    );
}

function read(data: string): FinalTransaction {
    const event = toObject(parseJson(data), 'an event');
    return {
        index: toSafe(event['index'], 'index'),
        block: toSafe(event['block'], 'block'),
        id: toText(event['id'], 'id'),
        kind: toSafe(event['kind'], 'kind'),
        bytes: fromBase64(toText(event['bytes'], 'bytes')),
    };
}

function check(transaction: FinalTransaction, next: number, url: string): void {
    if (transaction.index !== next) {
        throw new OrderError(`${url}: index ${transaction.index} came in the place of ${next}`);
    }
    if (transactionId(transaction.bytes, transaction.kind) !== transaction.id) {
        throw new OrderError(`${url}: the id at index ${next} is not that of its bytes`);
    }
}

function checkSame(again: FinalTransaction, last: FinalTransaction, url: string): void {
    if (again.index !== last.index || again.id !== last.id || again.block !== last.block) {
        throw new OrderError(
            `${url}: has another transaction in the place of index ${last.index}: ${again.id}, and not ${last.id}`,
        );
    }
}
