import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseGenesis, type Genesis } from '../../src/index.js';

const run = promisify(execFile);

/** Validators of the published binary as processes on loopback. */
export class Cluster {
    readonly genesis: Genesis;
    readonly #processes = new Map<number, ChildProcess>();

    private constructor(
        readonly binary: string,
        readonly folder: string,
        readonly apis: readonly string[],
    ) {
        this.genesis = parseGenesis(readFileSync(this.genesisPath, 'utf8'));
    }

    static async start(binary: string, validators: number): Promise<Cluster> {
        const folder = join(mkdtempSync(join(tmpdir(), 'clients-')), 'cluster');
        const { stdout } = await run(binary, ['init', '--validators', `${validators}`, '--out', folder]);
        const apis = [...stdout.matchAll(/API (http:\S+),/g)].map((match) => match[1] ?? '');
        const cluster = new Cluster(binary, folder, apis);
        const numbers = apis.map((_, i) => i + 1);
        numbers.forEach((number) => cluster.spawn(number));
        await Promise.all(numbers.map((number) => cluster.ready(number)));
        return cluster;
    }

    get genesisPath(): string {
        return join(this.folder, 'genesis.json');
    }

    /** The validators' addresses with this one first; they are numbered from 1. */
    from(number: number): string[] {
        return [...this.apis.slice(number - 1), ...this.apis.slice(0, number - 1)];
    }

    spawn(number: number): void {
        const child = spawn(this.binary, ['run', '--config', this.#config(number)], { stdio: 'ignore' });
        this.#processes.set(number, child);
    }

    async ready(number: number): Promise<void> {
        await run(this.binary, ['ready', '--wait', '1m', '--config', this.#config(number)]);
    }

    async kill(number: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
        const child = this.#processes.get(number);
        if (child !== undefined) {
            const exit = once(child, 'exit');
            child.kill(signal);
            await exit;
            this.#processes.delete(number);
        }
    }

    signal(number: number, signal: NodeJS.Signals): void {
        this.#processes.get(number)?.kill(signal);
    }

    /** What `validator proof verify` ends with, 0 where the proof holds. */
    verify(proof: Uint8Array, id: string): { code: number; told: string } {
        const path = join(this.folder, 'asked.proof');
        writeFileSync(path, proof);
        const { status, stderr } = spawnSync(this.binary, ['proof', 'verify', path, '--genesis', this.genesisPath, '--id', id], {
            encoding: 'utf8',
        });
        return { code: status ?? -1, told: stderr };
    }

    async stop(): Promise<void> {
        await Promise.all([...this.#processes.keys()].map((number) => this.kill(number, 'SIGTERM')));
        rmSync(join(this.folder, '..'), { recursive: true });
    }

    #config(number: number): string {
        return join(this.folder, `node-${number}`, 'node.toml');
    }
}
