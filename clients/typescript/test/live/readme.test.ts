import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { Cluster } from './cluster.js';

// Protects: the program that a newcomer copies from the README works as it stands there, against the cluster of the quick start.
test('the programs of the README run', async () => {
    const binary = process.env['VALIDATOR_BINARY'];
    assert.ok(binary !== undefined, 'VALIDATOR_BINARY is the published binary');
    const programs = [...readFileSync('README.md', 'utf8').matchAll(/```js\n(.*?)```/gs)].map((match) => match[1] ?? '');
    assert.equal(programs.length, 2);
    const cluster = await Cluster.start(binary, 4);
    try {
        execFileSync(binary, ['account', 'new', '--out', join(cluster.folder, 'alice.key')]);
        for (const [i, program] of programs.entries()) {
            const path = join('dist', `readme-${i}.mjs`);
            const ports = ['20001', '20004', '20007', '20010'];
            const local = ports.reduce(
                (text, port, n) => text.replaceAll(`http://127.0.0.1:${port}`, cluster.apis[n] ?? ''),
                program,
            );
            writeFileSync(
                path,
                local.replaceAll("'cluster/", `'${cluster.folder}/`).replaceAll("'alice.key'", `'${cluster.folder}/alice.key'`),
            );
            const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 60_000 });
            assert.match(
                stdout,
                i === 0 ? /final at index \d+\n\d+ hello from TypeScript\n/ : /proven: index \d+, by weight [34] of 4\n/,
            );
        }
    } finally {
        await cluster.stop();
    }
});
