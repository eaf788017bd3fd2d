#!/usr/bin/env bash
# xxhashjs (npm, 0.2.2): the way to hex digits that its README shows, toString(16), leaves out leading noughts, so that about
# one digest in sixteen is shorter than 8 or 16 digits and differs from what xxhsum and other libraries print; xxHash's
# canonical form is of a fixed length, highest byte first. And a seed above 32 bits given as a number loses its upper half: 2^32
# + 1 hashes as 1, though XXH64's seed has 64 bits and the README allows a number. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(xxhashjs@0.2.2 xxhash-wasm@1.1.0)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const XXH = require('xxhashjs');
const wasm = require('xxhash-wasm');
(async () => {
  const { h32ToString, h64ToString, h64 } = await wasm();
  console.log(`k1: XXH32 ${XXH.h32('k1', 0).toString(16)}, xxhash-wasm ${h32ToString('k1')}`);
  console.log(`k20: XXH64 ${XXH.h64('k20', 0).toString(16)}, xxhash-wasm ${h64ToString('k20')}`);
  const big = 2 ** 32 + 1;
  const same = XXH.h64('a', big).toString(16) === XXH.h64('a', 1).toString(16);
  console.log(`seed 2^32 + 1 as seed 1: ${same}, xxhash-wasm ${h64('a', BigInt(big)) === h64('a', 1n)}`);
})();
X
node look.js | tee seen
diff seen - <<'X'
k1: XXH32 6c1973e, xxhash-wasm 06c1973e
k20: XXH64 4541b87408e056, xxhash-wasm 004541b87408e056
seed 2^32 + 1 as seed 1: true, xxhash-wasm false
X
