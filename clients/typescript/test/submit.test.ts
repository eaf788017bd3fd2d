import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
    Account,
    OrderError,
    type Genesis,
    ProblemError,
    toUtf8,
    transactionId,
    UncertainError,
    UnreachableError,
    ValidatorClient,
} from '../src/index.js';
import { fromBase64 } from '../src/bytes.js';
import { CHAIN_ID, FakeNetwork, json, problem, statusOf, type Call, type Handler } from './fake.js';
import { vectors } from './vectors.js';

const bytes = toUtf8('pay bob');
const id = transactionId(bytes);
const final = { id, status: 'finalized', index: 7, block: 3, finality: 'final' };
function client(network: FakeNetwork, urls: readonly string[], patienceMs = 2_000): ValidatorClient {
    return new ValidatorClient(urls, { fetch: network.fetch, patienceMs });
}

const refuse: Handler = () => {
    throw new TypeError('connection refused');
};

// Protects: what another validator may take goes to the next one, and the one that failed is not asked while it rests.
test('a submission goes on at the next validator', async () => {
    for (const answer of [
        refuse,
        () => problem(429, 'queue-full', 1),
        () => problem(503, 'not-ready', 1),
        () => problem(507, 'disk-low', 60),
        () => problem(503, 'left-committee'),
        () => problem(408, 'request-timeout'),
        () => new Response('bad gateway', { status: 502 }),
    ] as Handler[]) {
        const network = new FakeNetwork();
        const urls = [
            network.add('one', answer),
            network.add('two', (call) => (call.method === 'GET' ? problem(404, 'not-found') : json(final))),
        ];
        const receipt = await client(network, urls).submit(bytes);
        assert.deepEqual(receipt, { ...final, repeated: false });
        assert.equal(network.calls.filter((call) => call.url === 'one').length, 1);
    }
});

// Protects: a request that is wrong is wrong everywhere: it is not sent again.
test('what no validator takes is not tried again', async () => {
    for (const [code, type] of [
        [400, 'bad-request'],
        [401, 'unauthorized'],
        [403, 'forbidden'],
        [413, 'too-large'],
        [415, 'x'],
    ] as const) {
        const network = new FakeNetwork();
        const urls = ['one', 'two'].map((name) => network.add(name, () => problem(code, type)));
        await assert.rejects(client(network, urls).submit(bytes), (error: unknown) => {
            assert.ok(error instanceof ProblemError);
            return error.status === code && error.type === type;
        });
        assert.equal(network.calls.length, 1);
    }
});

// Protects: Retry-After is kept where there is one validator alone.
test('a validator rests for as long as it asks', async () => {
    const network = new FakeNetwork();
    let asked = 0;
    const url = network.add('one', () => (asked++ === 0 ? problem(429, 'queue-full', 1) : json(final)));
    const begun = Date.now();
    await client(network, [url], 5_000).submit(bytes);
    assert.ok(Date.now() - begun >= 990);
    assert.deepEqual(network.log, [
        'one POST /v1/transactions?kind=0&wait=finalized',
        'one POST /v1/transactions?kind=0&wait=finalized',
    ]);
});

// Protects: after an attempt whose outcome is not known a client asks first, so that what is final is not sent again.
test('what an earlier attempt has made final is not sent again', async () => {
    const network = new FakeNetwork();
    const urls = [
        network.add('one', refuse),
        network.add('two', (call) => (call.method === 'GET' ? json(final) : problem(500, 'x'))),
    ];
    assert.deepEqual(await client(network, urls).submit(bytes), { ...final, repeated: true });
    assert.deepEqual(network.log.slice(1), [`two GET /v1/transactions/${id}`]);
});

// Protects: a repeat has the place of the first, which the caller gets as success that says so.
test('a repeat is told with the place of the first', async () => {
    const network = new FakeNetwork();
    const repeat = { id, status: 'rejected', reason: 'repeat', first_index: 7, block: 9 };
    const url = network.add('one', (call) => json(call.method === 'GET' ? final : repeat));
    assert.deepEqual(await client(network, [url]).submit(bytes), { ...final, repeated: true });
    const gone = new FakeNetwork();
    const other = gone.add('one', (call) => (call.method === 'GET' ? problem(404, 'not-found') : json(repeat)));
    assert.deepEqual(await client(gone, [other]).submit(bytes), {
        id,
        status: 'finalized',
        index: 7,
        block: null,
        finality: null,
        repeated: true,
    });
});

// Protects: a caller learns when nobody can say what became of a submission, and it is never told as failed.
test('an unknown outcome is an error of its own', async () => {
    const network = new FakeNetwork();
    const stopping = (call: Call): Response =>
        call.method === 'GET' ? problem(404, 'not-found') : problem(503, 'stopping', 1, { id });
    await assert.rejects(client(network, [network.add('one', stopping)], 300).submit(bytes), (error: unknown) => {
        assert.ok(error instanceof UncertainError);
        return error.ids[0] === id;
    });
    const full = new FakeNetwork();
    const busy = client(full, [full.add('one', () => problem(429, 'queue-full', 1))], 300);
    await assert.rejects(busy.submit(bytes), ProblemError);
});

// Protects: durable is no outcome for whoever waits for more: it goes on elsewhere.
test('what stays durable is sent to another validator', async () => {
    const network = new FakeNetwork();
    const durable = (call: Call): Response => (call.method === 'GET' ? problem(404, 'x') : json({ id, status: 'durable' }, 202));
    const urls = [
        network.add('one', durable),
        network.add('two', (call) => (call.method === 'GET' ? problem(404, 'x') : json(final))),
    ];
    assert.equal((await client(network, urls).submit(bytes)).status, 'finalized');
    assert.deepEqual(await client(network, urls).submit(bytes, { wait: 'durable' }), { id, status: 'durable' });
});

// Protects: an answer about something else is never taken for ours.
test('an answer about another transaction is refused', async () => {
    const network = new FakeNetwork();
    const url = network.add('one', () => json({ ...final, id: '00'.repeat(32) }));
    await assert.rejects(client(network, [url]).submit(bytes), TypeError);
});

/** A validator that makes all of a batch final, unless it is too large. */
function batches(most: number): { handler: Handler; sizes: number[] } {
    const sizes: number[] = [];
    const handler: Handler = (call) => {
        const body = call.body ?? new Uint8Array(0);
        const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
        const transactions: object[] = [];
        for (let at = 0; at < body.length;) {
            const length = view.getUint32(at, true);
            const data = body.subarray(at + 5, at + 5 + length);
            transactions.push({
                id: transactionId(data, body[at + 4] ?? 0),
                status: 'finalized',
                index: transactions.length,
                block: 1,
            });
            at += 5 + length;
        }
        sizes.push(transactions.length);
        return transactions.length > most ? problem(413, 'too-large') : json({ count: transactions.length, transactions });
    };
    return { handler, sizes };
}

// Protects: many go in batches, a batch that is too large in halves, and receipts keep the order of the list.
test('many are split as the chain needs it', async () => {
    const network = new FakeNetwork();
    const { handler, sizes } = batches(300);
    const single: Handler = (call, signal) => (call.path.includes('/batch') ? handler(call, signal) : problem(500, 'x'));
    const list = Array.from({ length: 1_100 }, (_, i) => toUtf8(`transaction ${i}`));
    const receipts = await client(network, [network.add('one', single)]).submitMany(list);
    assert.deepEqual(
        receipts.map((receipt) => receipt.id),
        list.map((each) => transactionId(each)),
    );
    assert.deepEqual(sizes, [1_000, 500, 250, 250, 500, 250, 250, 100]);
});

// Protects: keys are given to a validator that asks for them, nonces go up by one, and one that another signer used is left.
test('envelopes carry fresh nonces, and keys go where they are needed', async () => {
    const account = Account.fromSeed(new Uint8Array(32).fill(7));
    const network = new FakeNetwork();
    let known = false;
    const nonces: bigint[] = [];
    const url = network.add('one', (call) => {
        if (call.path === '/v1/accounts') {
            known = call.body?.length === 2592;
            return json({ account: account.id });
        }
        if (call.method === 'GET') {
            const highest = nonces.length < 2 ? '18446744073709551000' : '18446744073709551500';
            return new Response(`{"account":"${account.id}","key_held":true,"highest_nonce":${highest},"recent":"01"}`);
        }
        if (!known) {
            return problem(409, 'account-key-needed');
        }
        const envelope = call.body ?? new Uint8Array(0);
        const nonce = new DataView(envelope.buffer, envelope.byteOffset).getBigUint64(8, true);
        nonces.push(nonce);
        const own = transactionId(envelope, 1);
        return json(
            nonces.length === 2 ? { id: own, status: 'rejected', reason: 'nonce_used', block: 4 } : { ...final, id: own },
        );
    });
    const one = client(network, [url]);
    assert.equal((await one.submitSigned(account, bytes)).status, 'finalized');
    assert.equal((await one.submitSigned(account, bytes)).status, 'finalized');
    assert.deepEqual(nonces, [18446744073709551001n, 18446744073709551002n, 18446744073709551501n]);
    assert.equal((await one.submitSigned(account, bytes, { nonce: 5n })).status, 'finalized');
    assert.equal(nonces.at(-1), 5n);
});

// Protects: a question that one validator cannot answer goes to the others, and nobody's silence is taken for "unknown".
test('a transaction is asked for everywhere', async () => {
    const network = new FakeNetwork();
    const unknown = network.add('one', () => problem(404, 'not-found'));
    const durable = network.add('two', () => json({ id, status: 'durable' }));
    const knows = network.add('three', () => json(final));
    assert.equal((await client(network, [unknown, durable, knows]).transaction(id))?.status, 'finalized');
    assert.equal((await client(network, [durable, unknown]).transaction(id))?.status, 'durable');
    assert.equal(await client(network, [unknown, 'http://nobody']).transaction(id), null);
    await assert.rejects(client(network, ['http://nobody']).transaction(id), UnreachableError);
});

// Protects: a transaction never goes to another chain than the one that is meant, or that the first validator has told.
test('a validator of another chain is refused', async () => {
    const network = new FakeNetwork();
    const other = network.add(
        'other',
        () => json(final),
        () => statusOf('ab'.repeat(32)),
    );
    const meant = new ValidatorClient(other, { fetch: network.fetch, genesis: { chainId: CHAIN_ID } as Genesis });
    await assert.rejects(meant.submit(bytes), OrderError);
    assert.deepEqual(network.log, []);
    const first = network.add('first', () => problem(429, 'queue-full', 1));
    await assert.rejects(client(network, [first, other]).submit(bytes), OrderError);
    assert.deepEqual(network.log, ['first POST /v1/transactions?kind=0&wait=finalized']);
});

// Protects: a token goes with every request, and one that may submit alone is enough to submit, through failures too.
test('a token that may submit alone is enough', async () => {
    const network = new FakeNetwork();
    const forbidden = (): Response => problem(403, 'forbidden');
    const repeat = { id, status: 'rejected', reason: 'repeat', first_index: 7, block: 9 };
    const urls = [
        network.add('one', () => problem(503, 'stopping', 1, { id }), forbidden),
        network.add('two', (call) => (call.method === 'GET' ? forbidden() : json(repeat)), forbidden),
    ];
    const receipt = await new ValidatorClient(urls, { fetch: network.fetch, token: 'secret' }).submit(bytes);
    assert.equal(receipt.status === 'finalized' && receipt.index, 7);
    assert.ok(network.calls.length > 2 && network.calls.every((call) => call.token === 'Bearer secret'));
});

// Protects: a proof is waited for while the transaction is not final, and sought where another validator has deleted it.
test('a proof is sought until a validator has it', async () => {
    const network = new FakeNetwork();
    let asked = 0;
    const urls = [
        network.add('one', () => problem(410, 'proof-gone')),
        network.add('two', () => (asked++ === 0 ? problem(409, 'not-final', 0) : new Response(Uint8Array.of(1, 2)))),
    ];
    assert.deepEqual(await client(network, urls).proof(id), Uint8Array.of(1, 2));
    const proofs = vectors().chains[0]?.proofs.map((each) => fromBase64(each.proof) as Uint8Array<ArrayBuffer>) ?? [];
    assert.ok(proofs.length > 1);
    const growing = new FakeNetwork();
    const url = growing.add('one', () => new Response(proofs[Math.min(1, growing.calls.length - 1)] ?? null));
    assert.deepEqual(await client(growing, [url]).proof(id, { execution: true }), proofs[1]);
    const none = new FakeNetwork();
    const gone = ['one', 'two'].map((name) => none.add(name, () => problem(410, 'proof-gone')));
    await assert.rejects(client(none, gone).proof(id), ProblemError);
    assert.equal(none.calls.length, 2);
});
