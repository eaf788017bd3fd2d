import assert from 'node:assert/strict';
import { Account, toUtf8, UncertainError, ValidatorClient, type FinalTransaction, type Receipt } from '../../src/index.js';
import { sleep } from '../../src/validators.js';
import type { Cluster } from './cluster.js';
import type { Fault, Step } from './steps.js';

type Load = Extract<Step, { do: 'load' }>;

/** Submits from many workers while validators are killed, and checks the stream against the receipts. */
export async function load(cluster: Cluster, step: Load): Promise<void> {
    const client = (first: number): ValidatorClient =>
        new ValidatorClient(cluster.from(first), {
            genesis: cluster.genesis,
            patienceMs: 60_000,
            timeoutMs: step.timeout_ms ?? 40_000,
        });
    const { nextFinalIndex: from } = await client(1).status();
    const abort = new AbortController();
    const seen: FinalTransaction[] = [];
    const following = collect(client(1), from, abort.signal, seen);
    const end = Date.now() + 1000 * step.seconds;
    const receipts: Receipt[] = [];
    const texts = new Set<string>();
    const work = async (worker: number): Promise<void> => {
        const own = client(1 + (worker % cluster.apis.length));
        const account = worker < step.signers ? Account.generate() : null;
        for (let i = 0; Date.now() < end; i++) {
            const text = `load from ${from}: ${worker} ${i}`;
            texts.add(text);
            receipts.push(await submitOnce(own, account, toUtf8(text)));
        }
    };
    const workers = Array.from({ length: step.workers }, (_, worker) => work(worker));
    await Promise.all([...workers, inject(cluster, step.faults)]);

    assert.ok(
        receipts.every((receipt) => receipt.status === 'finalized'),
        'everything that was submitted became final',
    );
    const last = Math.max(...receipts.map((receipt) => (receipt.status === 'finalized' ? receipt.index : 0)));
    await until(() => from + seen.length > last);
    abort.abort();
    await following;
    assert.deepEqual(
        seen.map((each) => each.index),
        seen.map((_, i) => from + i),
        'no gap and no repeat in the stream',
    );
    const ids = new Map(seen.map((each) => [each.id, each]));
    assert.equal(ids.size, seen.length, 'no transaction twice');
    for (const receipt of receipts) {
        const there = ids.get(receipt.id);
        assert.deepEqual([there?.index, receipt.status], [receipt.status === 'finalized' ? receipt.index : -1, 'finalized']);
    }
    const data = seen.map((each) => dataOf(each));
    const loads = data.filter((text) => text.startsWith(`load from ${from}:`));
    assert.equal(loads.length, texts.size, 'as many are final as were submitted, so none lost and none twice');
    assert.deepEqual(new Set(loads), texts);
    for (const api of cluster.apis) {
        const again: FinalTransaction[] = [];
        await collect(new ValidatorClient(api, { genesis: cluster.genesis }), from, undefined, again, seen.length);
        assert.deepEqual(
            again.map((each) => each.id),
            seen.map((each) => each.id),
            `${api} has the same order`,
        );
    }
    console.log(
        `# load: ${receipts.length} transactions, of which ${receipts.filter(isRepeat).length} had more than one attempt`,
    );
}

/** An outcome that is not known is asked for by sending the same again, which a program would do. */
async function submitOnce(client: ValidatorClient, account: Account | null, bytes: Uint8Array): Promise<Receipt> {
    try {
        return await (account === null ? client.submit(bytes) : client.submitSigned(account, bytes));
    } catch (error) {
        assert.ok(error instanceof UncertainError && account === null, String(error));
        return client.submit(bytes);
    }
}

async function inject(cluster: Cluster, faults: readonly Fault[]): Promise<void> {
    const begun = Date.now();
    let killed = 0;
    for (const fault of faults) {
        await sleep(Math.max(0, begun + 1000 * fault.at - Date.now()), undefined);
        if (fault.kill !== undefined) {
            killed = fault.kill === 'leader' ? await leader(cluster) : fault.kill;
            await cluster.kill(killed);
        }
        if (fault.pause !== undefined) {
            cluster.signal(fault.pause, 'SIGSTOP');
        }
        if (fault.resume !== undefined) {
            cluster.signal(fault.resume, 'SIGCONT');
        }
        if (fault.start !== undefined) {
            const number = fault.start === 'killed' ? killed : fault.start;
            cluster.spawn(number);
            await cluster.ready(number);
        }
    }
}

async function leader(cluster: Cluster): Promise<number> {
    const { all } = await new ValidatorClient(cluster.apis).status();
    return Number(String(all['leader']).replace('node-', ''));
}

async function collect(
    client: ValidatorClient,
    from: number,
    signal: AbortSignal | undefined,
    into: FinalTransaction[],
    most = Number.MAX_SAFE_INTEGER,
): Promise<void> {
    for await (const transaction of client.finalized(signal === undefined ? { from } : { from, signal })) {
        into.push(transaction);
        if (into.length === most) {
            return;
        }
    }
}

async function until(holds: () => boolean): Promise<void> {
    for (const end = Date.now() + 30_000; !holds();) {
        assert.ok(Date.now() < end, 'the stream comes to the last receipt');
        await sleep(50, undefined);
    }
}

/** What was signed, or all bytes of an opaque transaction. */
function dataOf({ kind, bytes }: FinalTransaction): string {
    return new TextDecoder().decode(kind === 1 ? bytes.subarray(48, -4627) : bytes);
}

function isRepeat(receipt: Receipt): boolean {
    return receipt.status === 'finalized' && receipt.repeated;
}
