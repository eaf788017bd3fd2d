import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ml_dsa87 } from '@noble/post-quantum/ml-dsa.js';
import { fromBase64, fromHex, toHex } from '../src/bytes.js';
import { hash } from '../src/hash.js';
import { Account, Purpose, transactionId } from '../src/index.js';
import { SIGNATURE_BYTES, WireWriter } from '../src/wire.js';
import { vectors } from './vectors.js';

const context = new TextEncoder().encode('validator-envelope');

// Protects: keys of `validator account new` are read, and give the account and the public key that the product says.
test('a key file gives the account and the public key of the product', () => {
    for (const { key_file, account, public_key } of vectors().accounts) {
        const read = Account.fromKeyFile(key_file);
        assert.equal(read.id, account);
        assert.equal(toHex(read.publicKey), toHex(fromBase64(public_key)));
    }
});

// Protects: envelopes have the product's bytes up to the signature, and both signatures hold over the same bytes.
test('envelopes equal those of the product, but for the hedged signature', () => {
    for (const { key_file, envelopes } of vectors().accounts) {
        const account = Account.fromKeyFile(key_file);
        for (const { chain_id, nonce, data, envelope, id } of envelopes) {
            const theirs = fromBase64(envelope);
            const ours = account.sign(chain_id, BigInt(nonce), fromBase64(data));
            assert.equal(toHex(ours.subarray(0, -SIGNATURE_BYTES)), toHex(theirs.subarray(0, -SIGNATURE_BYTES)));
            assert.equal(transactionId(theirs, 1), id);
            const message = new WireWriter()
                .u8(0x17)
                .u8(Purpose.data)
                .zeros(6)
                .raw(fromHex(chain_id))
                .raw(fromHex(account.id))
                .u64(BigInt(nonce))
                .raw(hash(fromBase64(data)))
                .done();
            for (const bytes of [ours, theirs]) {
                assert.ok(ml_dsa87.verify(bytes.subarray(-SIGNATURE_BYTES), message, account.publicKey, { context }));
            }
        }
    }
});

// Protects: a seed is never read from a file that is another's, sealed or damaged.
test('other key files are refused', () => {
    const good = vectors().accounts[0]?.key_file ?? '';
    Account.fromKeyFile(good);
    for (const bad of [
        good.replace('purpose: account', 'purpose: consensus'),
        good.replace('key 1', 'key 2'),
        good.replace('key 1', 'key 3'),
        good.slice(0, -3),
        good.replace('seed: ', 'seed: 0'),
        good.toUpperCase(),
        '',
    ]) {
        assert.throws(() => Account.fromKeyFile(bad), TypeError);
    }
});

// Protects: bounds of data, nonce and seed, and that test vectors may be made without randomness.
test('bounds of an envelope hold', () => {
    const account = Account.fromSeed(new Uint8Array(32));
    const chain = '00'.repeat(32);
    assert.throws(() => account.sign(chain, 1n, new Uint8Array(0)), RangeError);
    assert.throws(() => account.sign(chain, 1n, new Uint8Array(60_862)), RangeError);
    assert.throws(() => account.sign(chain, 2n ** 64n, Uint8Array.of(1)), RangeError);
    assert.throws(() => Account.fromSeed(new Uint8Array(31)), RangeError);
    assert.equal(account.sign(chain, 1n, new Uint8Array(60_861)).length, 65_536);
    const twice = [1, 2].map(() => toHex(account.sign(chain, 1n, Uint8Array.of(1), { deterministic: true })));
    assert.equal(twice[0], twice[1]);
    assert.notEqual(toHex(account.sign(chain, 1n, Uint8Array.of(1))), twice[0]);
});
