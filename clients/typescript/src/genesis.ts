import { equal, fromBase64, fromHex, toHex } from './bytes.js';
import { isName, membersRefusal, writeMembers, writeName, type Epoch, type Member } from './committee.js';
import { writeTrust } from './genesis-trust.js';
import { hash } from './hash.js';
import { parseJson, toArray, toBigInt, toObject, toSafe, toText, type JsonObject } from './json.js';
import { HASH_BYTES, PROTOCOL_VERSION, WireWriter } from './wire.js';

/** The start of a chain, from its genesis.json: what a reader of proofs trusts. */
export interface Genesis {
    readonly network: string;
    /** 64 hexadecimal digits: BLAKE3 of the canonical encoding. */
    readonly chainId: string;
    readonly members: readonly Member[];
    /** Largest payload of a vertex, and so of a batch. */
    readonly maxVertexPayloadBytes: number;
    /** Ordered transactions among which equal bytes count once. */
    readonly dedupWindow: number;
    readonly epoch: Epoch;
}

const MAGIC = 0x4e454756; // "VGEN"
const BLOCK_TAG = 0x11;
const TIP_BYTES = 40;
const MEMBERS = ['format', 'chain_id', 'network', 'timestamp_micros', 'parameters', 'trust', 'members'];
const PARAMETERS = [
    'window_blocks',
    'timestamp_bound_micros',
    'max_vertex_payload_bytes',
    'max_block_vertices',
    'dedup_window',
    'epoch_length_blocks',
];

/**
 * Reads genesis.json, the file that all members of a chain have.
 * @throws TypeError where it is none, or states another chain id than its content has.
 */
export function parseGenesis(json: string): Genesis {
    const document = only(parseJson(json), 'genesis', MEMBERS);
    const parameters = only(document['parameters'], 'parameters', PARAMETERS);
    refuseIf(document['format'] !== 1, 'genesis: unknown format');
    const network = toText(document['network'], 'network');
    const timestamp = toBigInt(document['timestamp_micros'], 'timestamp_micros');
    const members = toArray(document['members'], 'members').map(toMember);
    const u32 = (name: string): number => toSafe(parameters[name], name);
    const trust = document['trust'] ?? null;
    const writer = new WireWriter()
        .u32(MAGIC)
        .u16(trust === null ? 1 : 2)
        .u16(PROTOCOL_VERSION)
        .u64(timestamp)
        .u32(u32('window_blocks'))
        .u32(u32('max_vertex_payload_bytes'))
        .u64(toBigInt(parameters['timestamp_bound_micros'], 'timestamp_bound_micros'))
        .u32(u32('max_block_vertices'))
        .u32(u32('dedup_window'))
        .u64(toBigInt(parameters['epoch_length_blocks'], 'epoch_length_blocks'));
    refuseIf(!isName(network) || timestamp === 0n, 'genesis: no name of a network, or no time');
    const refusal = membersRefusal(members);
    refuseIf(refusal !== null, `genesis: ${refusal}`);
    writeName(writer, network);
    writeMembers(writer, members);
    if (trust !== null) {
        writeTrust(writer, toObject(trust, 'trust'));
    }
    const chainId = hash(writer.done());
    const stated = document['chain_id'];
    const changed = stated !== undefined && !equal(fromHex(toText(stated, 'chain_id')), chainId);
    refuseIf(
        changed,
        `genesis: chain_id says ${String(stated)}, but the content hashes to ${toHex(chainId)}: something was changed`,
    );
    return {
        network,
        chainId: toHex(chainId),
        members,
        maxVertexPayloadBytes: u32('max_vertex_payload_bytes'),
        dedupWindow: u32('dedup_window'),
        epoch: { chainId, number: 0n, members, start: { sequence: 0n, hash: startHash(chainId, timestamp, members.length) } },
    };
}

/** The block that every chain starts from; it never travels. */
function startHash(chainId: Uint8Array, timestamp: bigint, members: number): Uint8Array {
    const writer = new WireWriter().u8(BLOCK_TAG).zeros(1).u16(members).zeros(4).u64(0n).u64(0n).u64(timestamp).u64(0n);
    return hash(
        writer
            .raw(chainId)
            .zeros(2 * HASH_BYTES + members * TIP_BYTES)
            .done(),
    );
}

function toMember(value: unknown): Member {
    const member = only(value, 'a member', ['name', 'weight', 'consensus_key', 'transport_key']);
    return {
        name: toText(member['name'], 'name'),
        weight: toSafe(member['weight'], 'weight'),
        consensusKey: fromBase64(toText(member['consensus_key'], 'consensus_key')),
        transportKey: fromBase64(toText(member['transport_key'], 'transport_key')),
    };
}

/** An object without members that this version does not know. */
function only(value: unknown, what: string, known: readonly string[]): JsonObject {
    const object = toObject(value, what);
    const others = Object.keys(object).filter((name) => !known.includes(name));
    refuseIf(others.length > 0, `${what}: unknown member ${others[0]}`);
    return object;
}

function refuseIf(wrong: boolean, why: string): void {
    if (wrong) {
        throw new TypeError(why);
    }
}
