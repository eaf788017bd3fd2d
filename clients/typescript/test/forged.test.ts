import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../src/bytes.js';
import { hash } from '../src/hash.js';
import { ProofError, verifyProof } from '../src/index.js';
import { forge, FORGERIES, genesis, ID } from './forge.js';

function faultOf(proof: Uint8Array): string | null {
    try {
        verifyProof(proof, genesis.parsed, ID);
        return null;
    } catch (error) {
        assert.ok(error instanceof ProofError, String(error));
        return error.fault;
    }
}

// Protects: each rule beyond hashes and signatures, which all hold here.
test('what is signed well and proves nothing is refused', () => {
    assert.equal(genesis.parsed.chainId, toHex(hash(genesis.encoded)));
    for (const { name, fault, change } of FORGERIES) {
        assert.equal(faultOf(forge(change)), fault, name);
    }
});
