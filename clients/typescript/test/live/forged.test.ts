import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ProofError } from '../../src/index.js';
import { forge, FORGERIES, genesis, ID } from '../forge.js';

// Protects: the binary gives the same verdict on what is signed well, so that the library is neither laxer nor stricter.
test('the binary refuses what is signed well and proves nothing for the same reason', () => {
    const binary = process.env['VALIDATOR_BINARY'];
    assert.ok(binary !== undefined, 'VALIDATOR_BINARY is the published binary');
    const folder = mkdtempSync(join(tmpdir(), 'clients-'));
    try {
        const [trusted, path] = [join(folder, 'genesis.json'), join(folder, 'forged.proof')];
        writeFileSync(trusted, genesis.json);
        for (const { name, fault, change } of FORGERIES) {
            writeFileSync(path, forge(change));
            const { status, stderr }: SpawnSyncReturns<string> = spawnSync(
                binary,
                ['proof', 'verify', path, '--genesis', trusted, '--id', ID],
                {
                    encoding: 'utf8',
                },
            );
            assert.equal(status, fault === null ? 0 : 1, `${name}: ${stderr}`);
            assert.ok(fault === null || stderr.includes(new ProofError(fault).message), `${name}: ${stderr}`);
        }
    } finally {
        rmSync(folder, { recursive: true });
    }
});
