import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
    Account,
    FormatError,
    ProblemError,
    ProofError,
    toUtf8,
    transactionId,
    ValidatorClient,
    verifyProof,
    type FinalTransaction,
    type Receipt,
} from '../../src/index.js';
import { CONFORMANCE } from '../vectors.js';
import { Cluster } from './cluster.js';
import { load } from './load.js';
import type { Expectation, Scenarios, Step } from './steps.js';

const { format, cluster: shape, scenarios } = JSON.parse(readFileSync(join(CONFORMANCE, 'scenarios.json'), 'utf8')) as Scenarios;
const kept = new Map<string, Receipt>();
const accounts = new Map<string, Account>();
let cluster: Cluster;
let shared: ValidatorClient;

before(async () => {
    assert.equal(format, 1);
    const binary = process.env['VALIDATOR_BINARY'];
    assert.ok(binary !== undefined, 'VALIDATOR_BINARY is the published binary');
    cluster = await Cluster.start(binary, shape.validators);
    shared = client(1);
});

after(async () => cluster.stop());

function client(first: number): ValidatorClient {
    return new ValidatorClient(cluster.from(first), { genesis: cluster.genesis });
}

for (const { name, protects, steps } of scenarios) {
    // Protects what the scenario says that it protects.
    test(`${name}: ${protects}`, async () => {
        for (const step of steps) {
            await take(step);
        }
    });
}

async function take(step: Step): Promise<void> {
    switch (step.do) {
        case 'submit': {
            const bytes = step.bytes === undefined ? toUtf8(step.text ?? '') : new Uint8Array(step.bytes);
            const receipt = await outcome(
                client(step.by ?? 1).submit(bytes, { wait: step.wait, kind: step.kind ?? 0 }),
                step.expect,
            );
            if (step.as !== undefined && receipt !== null) {
                kept.set(step.as, receipt);
            }
            return;
        }
        case 'ask': {
            const id = step.of === undefined ? transactionId(toUtf8(step.text ?? '')) : of(step.of).id;
            assert.equal((await client(2).transaction(id))?.status ?? null, step.expect.status);
            return;
        }
        case 'batch':
            return batch(step);
        case 'sign':
            return sign(step);
        case 'follow':
            return followCut(step);
        case 'load':
            return load(cluster, step);
        case 'prove':
            return prove(step);
    }
}

function of(name: string): Receipt {
    const receipt = kept.get(name);
    assert.ok(receipt !== undefined, `nothing is kept as ${name}`);
    return receipt;
}

/** Null where it ends with the problem that is expected. */
async function outcome(call: Promise<Receipt>, expected: Expectation): Promise<Receipt | null> {
    if (expected.problem !== undefined) {
        await assert.rejects(call, (error: unknown) => {
            assert.ok(error instanceof ProblemError, String(error));
            assert.equal(error.type, expected.problem);
            return true;
        });
        return null;
    }
    const receipt = await call;
    assert.equal(receipt.status, expected.status);
    if (expected.repeated !== undefined) {
        assert.equal(receipt.status === 'finalized' && receipt.repeated, expected.repeated);
    }
    if (expected.reason !== undefined) {
        assert.equal(receipt.status === 'rejected' && receipt.reason, expected.reason);
    }
    if (expected.place_of !== undefined) {
        const first = of(expected.place_of);
        assert.deepEqual(place(receipt), place(first));
    }
    return receipt;
}

function place(receipt: Receipt): unknown {
    return receipt.status === 'finalized' ? [receipt.id, receipt.index, receipt.block] : null;
}

async function batch({ count, bytes, wait, expect }: Extract<Step, { do: 'batch' }>): Promise<void> {
    const list = Array.from({ length: count }, () => crypto.getRandomValues(new Uint8Array(bytes)));
    const receipts = await shared.submitMany(list, { wait });
    assert.deepEqual(
        receipts.map((receipt) => receipt.id),
        list.map((each) => transactionId(each)),
    );
    assert.ok(receipts.every((receipt) => receipt.status === expect.status));
    const indices = receipts.map((receipt) => (receipt.status === 'finalized' ? receipt.index : -1));
    assert.ok(
        indices.every((index, i) => i === 0 || index > (indices[i - 1] ?? index)),
        'in the order of the list',
    );
    if (expect.consecutive === true) {
        assert.equal((indices[indices.length - 1] ?? 0) - (indices[0] ?? 0), count - 1);
    }
}

async function sign(step: Extract<Step, { do: 'sign' }>): Promise<void> {
    const account = accounts.get(step.account) ?? Account.generate();
    accounts.set(step.account, account);
    const data = toUtf8(step.text);
    if (step.damage === true) {
        const envelope = account.sign(cluster.genesis.chainId, 5_000n, data);
        envelope[envelope.length - 100] = (envelope[envelope.length - 100] ?? 0) ^ 1;
        await outcome(shared.submit(envelope, { kind: 1, wait: step.wait }), step.expect);
        return;
    }
    const nonce = step.nonce === undefined ? {} : { nonce: BigInt(step.nonce) };
    const by = step.fresh === true || step.by !== undefined ? client(step.by ?? 1) : shared;
    await outcome(by.submitSigned(account, data, { wait: step.wait, ...nonce }), step.expect);
}

/** Through a fetch that cuts each stream off after so many bytes' worth of events, so that the client has to resume. */
async function followCut({ from, count, cut_every: every }: Extract<Step, { do: 'follow' }>): Promise<void> {
    const whole = await read(client(1), from, count);
    let streams = 0;
    const cutting: typeof fetch = async (input, init) => {
        const response = await fetch(input, init);
        if (!String(input).includes('/v1/finalized') || response.body === null) {
            return response;
        }
        streams++;
        let events = 0;
        const decoder = new TextDecoder();
        const cut = new TransformStream<Uint8Array, Uint8Array>({
            transform(chunk, controller) {
                events += decoder.decode(chunk, { stream: true }).split('\n\n').length - 1;
                // In the middle of an event, wherever the chunk ends.
                controller.enqueue(events < every ? chunk : chunk.subarray(0, chunk.length - 30));
                if (events >= every) {
                    controller.error(new Error('cut off'));
                }
            },
        });
        return new Response(response.body.pipeThrough(cut), { headers: response.headers });
    };
    const pieces = await read(new ValidatorClient(cluster.apis, { genesis: cluster.genesis, fetch: cutting }), from, count);
    assert.deepEqual(
        pieces.map((each) => each.id),
        whole.map((each) => each.id),
    );
    assert.deepEqual(
        pieces.map((each) => each.index),
        whole.map((_, i) => from + i),
    );
    assert.ok(streams > 1, `${streams} streams`);
}

async function read(by: ValidatorClient, from: number, count: number): Promise<FinalTransaction[]> {
    const seen: FinalTransaction[] = [];
    for await (const transaction of by.finalized({ from })) {
        seen.push(transaction);
        if (seen.length === count) {
            break;
        }
    }
    return seen;
}

async function prove({ of: name, by, mutations }: Extract<Step, { do: 'prove' }>): Promise<void> {
    const receipt = of(name);
    assert.ok(receipt.status === 'finalized');
    const proof = await client(by).proof(receipt.id);
    const proven = verifyProof(proof, cluster.genesis, receipt.id);
    assert.equal(proven.block.sequence, BigInt(receipt.block ?? -1));
    assert.ok(proven.index === null || proven.index === BigInt(receipt.index));
    assert.equal(cluster.verify(proof, receipt.id).code, 0);
    for (let i = 0; i < mutations; i++) {
        const changed = proof.slice();
        const offset = randomInt(changed.length);
        changed[offset] = (changed[offset] ?? 0) ^ (1 << randomInt(8));
        const { code, told } = cluster.verify(changed, receipt.id);
        assert.equal(code, 1, `byte ${offset}: ${told}`);
        assert.throws(
            () => verifyProof(changed, cluster.genesis, receipt.id),
            (error: unknown) =>
                error instanceof FormatError ? told.includes('is no proof') : error instanceof ProofError && toldBy(error, told),
            `byte ${offset}: ${told}`,
        );
    }
}

/** The same reason; the binary says of some what it expected. */
function toldBy(error: ProofError, told: string): boolean {
    const own: Partial<Record<string, string>> = {
        'other-chain': 'it is of chain',
        'other-first-epoch': 'it begins at epoch',
        'other-transaction': 'and not of',
    };
    return told.includes(own[error.fault] ?? error.message);
}
