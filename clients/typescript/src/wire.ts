import { isZero } from './bytes.js';

/** Bytes that are not what their format says. */
export class FormatError extends Error {
    override readonly name = 'FormatError';
}

export const HASH_BYTES = 32;
export const SIGNATURE_BYTES = 4627;
export const PUBLIC_KEY_BYTES = 2592;
export const PROTOCOL_VERSION = 1;
export const MAX_COMMITTEE = 128;

/** The newest vertex of a lane. */
export interface LaneTip {
    readonly height: bigint;
    readonly hash: Uint8Array;
}

/** A cursor over received bytes (little-endian). It never reads beyond them; a fault is a {@link FormatError}. */
export class WireReader {
    #position = 0;
    readonly #view: DataView;

    constructor(readonly bytes: Uint8Array) {
        this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }

    get position(): number {
        return this.#position;
    }

    get remaining(): number {
        return this.bytes.length - this.#position;
    }

    check(holds: boolean, what: string): void {
        if (!holds) {
            throw new FormatError(`${what}, near byte ${this.#position}`);
        }
    }

    /** The next bytes, not copied. */
    take(length: number): Uint8Array {
        return this.bytes.subarray(this.#skip(length), this.#position);
    }

    u8(): number {
        return this.#view.getUint8(this.#skip(1));
    }

    u16(): number {
        return this.#view.getUint16(this.#skip(2), true);
    }

    u32(): number {
        return this.#view.getUint32(this.#skip(4), true);
    }

    u64(): bigint {
        return this.#view.getBigUint64(this.#skip(8), true);
    }

    hash(): Uint8Array {
        return this.take(HASH_BYTES);
    }

    tag(tag: number): void {
        this.check(this.u8() === tag, 'wrong tag');
    }

    reserved(length: number): void {
        this.check(isZero(this.take(length)), 'reserved bytes are not zero');
    }

    /** The size of the committee that a block or a vertex header states in its bytes 2 and 3. */
    committeeSize(): number {
        this.check(this.remaining >= 4, 'cut short');
        const size = this.#view.getUint16(this.#position + 2, true);
        this.check(size > 0 && size <= MAX_COMMITTEE, 'no size of a committee');
        return size;
    }

    member(committee: number): number {
        const member = this.u16();
        this.check(member < committee, 'no such member');
        return member;
    }

    tips(lanes: number): LaneTip[] {
        return Array.from({ length: lanes }, () => {
            const tip = { height: this.u64(), hash: this.hash() };
            this.check((tip.height === 0n) === isZero(tip.hash), 'a tip has height 0 exactly when its hash is zero');
            return tip;
        });
    }

    finish(): void {
        this.check(this.remaining === 0, 'bytes are left');
    }

    #skip(length: number): number {
        this.check(length <= this.remaining, 'cut short');
        this.#position += length;
        return this.#position - length;
    }
}

/** Appends to a growing buffer (little-endian). */
export class WireWriter {
    #bytes = new Uint8Array(256);
    #view = new DataView(this.#bytes.buffer);
    #length = 0;

    u8(value: number): this {
        const at = this.#grow(1);
        this.#view.setUint8(at, value);
        return this;
    }

    u16(value: number): this {
        const at = this.#grow(2);
        this.#view.setUint16(at, value, true);
        return this;
    }

    u32(value: number): this {
        const at = this.#grow(4);
        this.#view.setUint32(at, value, true);
        return this;
    }

    u64(value: bigint): this {
        const at = this.#grow(8);
        this.#view.setBigUint64(at, value, true);
        return this;
    }

    zeros(length: number): this {
        this.#grow(length);
        return this;
    }

    raw(bytes: Uint8Array): this {
        const at = this.#grow(bytes.length);
        this.#bytes.set(bytes, at);
        return this;
    }

    /** A copy of what was written. */
    done(): Uint8Array {
        return this.#bytes.slice(0, this.#length);
    }

    /** May replace buffer and view, so that whoever calls takes them afterwards. */
    #grow(length: number): number {
        const start = this.#length;
        this.#length += length;
        if (this.#length > this.#bytes.length) {
            const larger = new Uint8Array(2 * this.#length);
            larger.set(this.#bytes.subarray(0, start));
            this.#bytes = larger;
            this.#view = new DataView(larger.buffer);
        }
        return start;
    }
}
