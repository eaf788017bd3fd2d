/**
 * JSON whose integers may have 64 bits: those that a number would round come as strings, which {@link toBigInt} and
 * {@link toSafe} take like numbers.
 */
export function parseJson(text: string): unknown {
    const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
    return JSON.parse(text.replace(token, (part) => (/^\d{16,}$/.test(part) ? `"${part}"` : part)));
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function toObject(value: unknown, what: string): JsonObject {
    if (!isObject(value)) {
        throw new TypeError(`${what}: expected an object`);
    }
    return value;
}

export function toArray(value: unknown, what: string): readonly unknown[] {
    if (!Array.isArray(value)) {
        throw new TypeError(`${what}: expected an array`);
    }
    return value;
}

export function toText(value: unknown, what: string): string {
    if (typeof value !== 'string') {
        throw new TypeError(`${what}: expected text`);
    }
    return value;
}

/** A non-negative integer of any length. */
export function toBigInt(value: unknown, what: string): bigint {
    const exact =
        typeof value === 'number' ? Number.isSafeInteger(value) && value >= 0 : typeof value === 'string' && /^\d+$/.test(value);
    if (!exact) {
        throw new TypeError(`${what}: expected a whole number`);
    }
    return BigInt(value as number | string);
}

/** A non-negative integer that a number holds exactly. */
export function toSafe(value: unknown, what: string): number {
    const whole = toBigInt(value, what);
    if (whole > BigInt(Number.MAX_SAFE_INTEGER)) {
        throw new TypeError(`${what}: ${whole} is more than a number holds`);
    }
    return Number(whole);
}
