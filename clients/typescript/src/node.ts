import { readFile } from 'node:fs/promises';
import { Account } from './account.js';
import { parseGenesis, type Genesis } from './genesis.js';

/** Reads a key file of `validator account new` that is not sealed by a passphrase. */
export async function readKeyFile(path: string): Promise<Account> {
    return Account.fromKeyFile(await readFile(path, 'utf8'));
}

/** Reads genesis.json. */
export async function readGenesisFile(path: string): Promise<Genesis> {
    return parseGenesis(await readFile(path, 'utf8'));
}
