import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { OrderError, ProblemError, ValidatorClient, type Genesis } from '../src/index.js';
import { readEvents } from '../src/events.js';
import { sleep } from '../src/validators.js';
import { CHAIN_ID, event, FakeNetwork, problem, stream } from './fake.js';

function client(network: FakeNetwork, urls: readonly string[], patienceMs = 1_000): ValidatorClient {
    return new ValidatorClient(urls, { fetch: network.fetch, patienceMs, genesis: { chainId: CHAIN_ID } as Genesis });
}

async function take(from: ValidatorClient, count: number): Promise<string[]> {
    const seen: string[] = [];
    for await (const { index, bytes } of from.finalized({ from: 0 })) {
        seen.push(`${index} ${new TextDecoder().decode(bytes)}`);
        if (seen.length === count) {
            break;
        }
    }
    return seen;
}

// Protects: a stream goes on at the next validator, with the last transaction again to compare, none missing and none twice.
test('a stream goes on at another validator', async () => {
    const network = new FakeNetwork();
    const urls = [
        network.add('one', (_, signal) => stream([': still here\n\n', event(0, 'a'), event(1, 'b').slice(0, 9)], false, signal)),
        network.add('two', (call, signal) =>
            stream(call.path.includes('from=0&') ? [event(0, 'a') + event(1, 'b'), event(2, 'c')] : [], true, signal),
        ),
    ];
    assert.deepEqual(await take(client(network, urls), 3), ['0 a', '1 b', '2 c']);
    assert.deepEqual(
        network.log,
        ['one', 'two'].map((name) => `${name} GET /v1/finalized?from=0&chain=${CHAIN_ID}&wait=true`),
    );
});

// Protects: whatever contradicts the one order is an error, and never a silent gap.
test('a gap, a repeat and a contradiction are errors', async () => {
    for (const parts of [
        [event(0, 'a'), event(2, 'c')],
        [event(0, 'a'), event(0, 'a')],
        [event(1, 'b')],
        [event(0, 'a', '00'.repeat(32))],
    ]) {
        const network = new FakeNetwork();
        await assert.rejects(
            take(client(network, [network.add('one', (_, signal) => stream(parts, true, signal))]), 3),
            OrderError,
        );
    }
    const network = new FakeNetwork();
    const urls = [
        network.add('one', (_, signal) => stream([event(0, 'a')], false, signal)),
        network.add('two', (_, signal) => stream([event(0, 'x'), event(1, 'b')], true, signal)),
    ];
    await assert.rejects(take(client(network, urls), 2), OrderError);
});

// Protects: an index that one validator has deleted is asked of the others; another chain is an error at once.
test('deleted indices are asked of the others', async () => {
    const network = new FakeNetwork();
    const urls = [
        network.add('one', () => problem(410, 'index-gone', undefined, { first_index: 9 })),
        network.add('two', (_, signal) => stream([event(0, 'a')], true, signal)),
    ];
    assert.deepEqual(await take(client(network, urls), 1), ['0 a']);
    await assert.rejects(take(client(network, urls.slice(0, 1)), 1), { status: 410 });
    const other = new FakeNetwork();
    await assert.rejects(take(client(other, [other.add('one', () => problem(409, 'other-chain'))]), 1), ProblemError);
});

// Protects: an abort ends a stream at once, quietly, and closes the connection; patience ends one that nobody serves.
test('a stream ends with its signal, or with patience', async () => {
    const network = new FakeNetwork();
    let closed = false;
    const url = network.add('one', (_, signal) => {
        signal?.addEventListener('abort', () => {
            closed = true;
        });
        return stream([event(0, 'a')], true, signal);
    });
    const abort = new AbortController();
    const seen: number[] = [];
    for await (const { index } of client(network, [url]).finalized({ from: 0, signal: abort.signal })) {
        seen.push(index);
        setTimeout(() => abort.abort(), 20);
    }
    assert.deepEqual(seen, [0]);
    assert.ok(closed);
    await assert.rejects(take(client(network, ['http://nobody'], 300), 1), { name: 'UnreachableError' });
});

// Protects: a connection that has died without a word is cut off; comments keep one alive.
test('silence ends a body, and comments do not', async () => {
    let cuts = 0;
    const abort = new AbortController();
    const cut = (): void => {
        cuts++;
        abort.abort(new Error('silent'));
    };
    const body = stream([event(0, 'a')], true, abort.signal).body;
    assert.ok(body !== null);
    const seen: string[] = [];
    await assert.rejects(async () => {
        for await (const { id } of readEvents(body, 40, cut)) {
            seen.push(id);
        }
    }, /silent/);
    assert.deepEqual([seen, cuts], [['0011223344556677-0'], 1]);

    let left = 6;
    const live = new ReadableStream<Uint8Array>({
        async pull(controller) {
            await sleep(20, undefined);
            controller.enqueue(new TextEncoder().encode(left === 0 ? event(1, 'b') : ': still here\n\n'));
            if (left-- === 0) {
                controller.close();
            }
        },
    });
    const events: string[] = [];
    for await (const { id } of readEvents(live, 80, cut)) {
        events.push(id);
    }
    assert.deepEqual([events, cuts], [['0011223344556677-1'], 1]);
});

// Protects: the library runs in browsers: only its entry for Node imports from Node. And types say what they mean.
test('the main entry imports nothing of Node, and no type is any', () => {
    const folder = join(process.cwd(), 'src');
    for (const name of readdirSync(folder)) {
        const source = readFileSync(join(folder, name), 'utf8');
        assert.equal(/from 'node:/.test(source), name === 'node.ts', name);
        assert.ok(!/from '\.\/node\.js'|\bBuffer\b|\bprocess\./.test(source), name);
        assert.ok(!/: any\b|<any\b|as any\b|any\[\]|@ts-/.test(source), name);
        assert.ok(
            source.split('\n').every((line) => line.length <= 130),
            `${name}: a line is longer than 130`,
        );
    }
});
