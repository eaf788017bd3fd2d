#!/usr/bin/env bash
# @dfinity/cbor (npm, 0.2.3): numbers with a fraction are written as integers, cut or rounded down, and nothing is raised: 0.5
# becomes 0, 1.5 becomes 1, -0.5 becomes -1. CBOR has floats for them (RFC 8949, 3.3). Reading floats that others wrote does
# raise an error, as one would expect of a library without them. Its description says nothing of it. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(@dfinity/cbor@0.2.3)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.mjs <<'X'
import { encode, decode } from '@dfinity/cbor';
const hex = bytes => Buffer.from(bytes).toString('hex');
for (const value of [7, 0.5, 1.5, -0.5, 255.9])
  console.log(`${value} -> ${hex(encode(value))} -> ${decode(encode(value))}`);
let read;
try {
  read = decode(Uint8Array.from(Buffer.from('fb3ff8000000000000', 'hex')));
} catch {
  read = 'refused';
}
console.log(`1.5 as a float: ${read}`);
X
node look.mjs | tee seen
diff seen - <<'X'
7 -> 07 -> 7
0.5 -> 00 -> 0
1.5 -> 01 -> 1
-0.5 -> 20 -> -1
255.9 -> 1900ff -> 255
1.5 as a float: refused
X
