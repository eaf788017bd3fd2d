import { fromHex } from './bytes.js';
import { writeName } from './committee.js';
import { toArray, toBigInt, toObject, toSafe, toText, type JsonObject } from './json.js';
import type { WireWriter } from './wire.js';

const WEIGHTS = ['fixed', 'trust', 'trust-multiplicative'];
const OFFENCES = ['lane_twin', 'double_prepare', 'double_commit', 'double_proposal', 'double_view_change', 'conflicting_commit'];
const WEEK_MICROS = 604_800_000_000;

/** The trust part of genesis in its canonical encoding; what the document leaves out has its usual value. */
export function writeTrust(writer: WireWriter, trust: JsonObject): void {
    const number = (name: string, usual: number): bigint => toBigInt(trust[name] ?? usual, name);
    const weights = WEIGHTS.indexOf(toText(trust['weights'] ?? 'fixed', 'weights'));
    if (weights < 0) {
        throw new TypeError('trust.weights: expected fixed, trust or trust-multiplicative');
    }
    const penalties = thousandths(trust['penalties'], [200, 500, 500, 500, 500, 1000]);
    const slashes = thousandths(trust['slashes'], [50, 150, 150, 200, 150, 300]);
    const balances = toArray(trust['balances'] ?? [], 'balances').map((value) => toObject(value, 'a balance'));
    writer
        .u8(weights)
        .zeros(3)
        .u32(Number(number('window_blocks', 64)))
        .u64(number('window_micros', 30_000_000))
        .u64(number('half_life_micros', WEEK_MICROS))
        .u32(Number(number('ban_below', 300)))
        .u32(Number(number('return_at', 500)))
        .u32(Number(number('unbonding_epochs', 4)))
        .zeros(4)
        .u64(number('reward_pool', 0))
        .u64(number('epoch_reward', 0));
    penalties.forEach((penalty, i) => writer.u16(penalty).u16(slashes[i] ?? 0));
    writer.u32(balances.length).zeros(4);
    for (const balance of balances) {
        writer.raw(fromHex(toText(balance['account'], 'account'))).u64(toBigInt(balance['amount'], 'amount'));
        writeName(writer, toText(balance['deposit_to'] ?? '', 'deposit_to'));
    }
}

function thousandths(value: unknown, usual: readonly number[]): readonly number[] {
    if (value === undefined) {
        return usual;
    }
    const given = toObject(value, 'thousandths');
    return OFFENCES.map((name) => toSafe(given[name], name));
}
