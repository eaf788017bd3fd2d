import { toHex } from './bytes.js';
import { hash } from './hash.js';
import { MAX_COMMITTEE, PUBLIC_KEY_BYTES, WireReader, WireWriter } from './wire.js';

export interface Member {
    readonly name: string;
    readonly weight: number;
    readonly consensusKey: Uint8Array;
    readonly transportKey: Uint8Array;
}

/** What an epoch starts from, and who decides in it. */
export interface Epoch {
    readonly chainId: Uint8Array;
    readonly number: bigint;
    readonly members: readonly Member[];
    /** The block before its first. */
    readonly start: { readonly sequence: bigint; readonly hash: Uint8Array };
}

const COMMITTEE_TAG = 0x15;
const NAME = /^[a-z0-9._-]{1,64}$/;

export function isName(name: string): boolean {
    return NAME.test(name);
}

export function totalWeight(members: readonly Member[]): number {
    return members.reduce((sum, member) => sum + member.weight, 0);
}

/** q, the weight that makes a certificate. */
export function quorumWeight(members: readonly Member[]): number {
    return Math.floor((2 * totalWeight(members)) / 3) + 1;
}

/** Why these cannot be a committee; null where they can. */
export function membersRefusal(members: readonly Member[]): string | null {
    if (members.length < 1 || members.length > MAX_COMMITTEE) {
        return `a committee has 1 to ${MAX_COMMITTEE} members`;
    }
    const keys = members.flatMap((member) => [member.consensusKey, member.transportKey]);
    const faulty = Math.floor((totalWeight(members) - 1) / 3);
    if (!members.every((member) => isName(member.name)) || new Set(members.map((member) => member.name)).size < members.length) {
        return 'members have names of a-z 0-9 . - _, each its own';
    }
    if (!keys.every((key) => key.length === PUBLIC_KEY_BYTES) || new Set(keys.map(toHex)).size < keys.length) {
        return `keys have ${PUBLIC_KEY_BYTES} bytes, and each occurs once`;
    }
    const weighs = (weight: number): boolean => weight >= 1 && weight <= 0xffffffff && (members.length < 4 || weight <= faulty);
    return members.every((member) => weighs(member.weight)) ? null : 'a weight is 0, or more than F';
}

export function readMembers(reader: WireReader): Member[] {
    const count = reader.u16();
    reader.check(count > 0 && count <= MAX_COMMITTEE, 'no size of a committee');
    return Array.from({ length: count }, () => ({
        name: String.fromCharCode(...reader.take(reader.u8())),
        weight: reader.u32(),
        consensusKey: reader.take(PUBLIC_KEY_BYTES),
        transportKey: reader.take(PUBLIC_KEY_BYTES),
    }));
}

export function writeName(writer: WireWriter, name: string): void {
    writer.u8(name.length).raw(Uint8Array.from(name, (char) => char.charCodeAt(0)));
}

export function writeMembers(writer: WireWriter, members: readonly Member[]): void {
    writer.u16(members.length);
    for (const member of members) {
        writeName(writer, member.name);
        writer.u32(member.weight).raw(member.consensusKey).raw(member.transportKey);
    }
}

/** What an epoch's last block names as the next committee. */
export function committeeDigest(epoch: bigint, members: readonly Member[]): Uint8Array {
    const writer = new WireWriter().u8(COMMITTEE_TAG).zeros(7).u64(epoch);
    writeMembers(writer, members);
    return hash(writer.done());
}
