import { isObject, type JsonObject } from './json.js';

const PREFIX = 'urn:validator:problem:';

/** A validator's refusal: a problem document (RFC 9457), or a status without one. */
export class ProblemError extends Error {
    override readonly name = 'ProblemError';

    constructor(
        readonly validator: string,
        readonly status: number,
        /** The last part of the problem's type, such as `queue-full`; empty where the answer was no problem document. */
        readonly type: string,
        detail: string,
        /** Seconds; null where the answer does not say. */
        readonly retryAfter: number | null,
        /** All members of the document, such as `cause` or `first_index`. */
        readonly members: JsonObject,
    ) {
        super(`${validator}: ${status}${type === '' ? '' : ` ${type}`}: ${detail}`);
    }

    static of(validator: string, status: number, headers: Headers, body: unknown): ProblemError {
        const members = isObject(body) ? body : {};
        const type = typeof members['type'] === 'string' ? members['type'].replace(PREFIX, '') : '';
        const detail = typeof members['detail'] === 'string' ? members['detail'] : 'no explanation';
        const after = Number(headers.get('retry-after') ?? Number.NaN);
        return new ProblemError(validator, status, type, detail, Number.isFinite(after) ? after : null, members);
    }
}

/** No answer: refused, cut off, or not in time. */
export class UnreachableError extends Error {
    override readonly name = 'UnreachableError';

    constructor(
        readonly validator: string,
        cause: unknown,
    ) {
        super(`${validator}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
}

/**
 * The outcome is not known: the transactions may become final, or not. Ask for them by id later, or submit the same bytes again.
 */
export class UncertainError extends Error {
    override readonly name = 'UncertainError';

    constructor(
        readonly ids: readonly string[],
        cause: unknown,
    ) {
        super(`not known whether ${ids.length === 1 ? ids[0] : `${ids.length} transactions`} will be final`, { cause });
    }
}

/** Validators contradict each other, or their own indices: something is badly wrong, and no retry would help. */
export class OrderError extends Error {
    override readonly name = 'OrderError';
}
