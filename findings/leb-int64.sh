#!/usr/bin/env bash
# leb (npm, 1.0.0): encodeInt64, documented for signed 64-bit integers, refuses -1 as out of range, as it does other small
# negatives, and of numbers below -2^31 it writes others, without a word: -3000000000 becomes -3000000512, -2147483649 becomes
# -2147483648. All are whole numbers that a double holds. Its decoder reads the right bytes rightly, and encodeInt32 and
# encodeUInt64 are right (seen with Node 20). LEB128 as DWARF and WebAssembly define it has -1 as 7f. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(leb@1.0.0)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const leb = require('leb');
const bytes = value => { // signed LEB128, by its definition
  const out = [];
  for (let rest = BigInt(value); ; ) {
    const low = Number(rest & 127n);
    rest >>= 7n;
    if (rest === (low & 64 ? -1n : 0n)) return Buffer.from([...out, low]);
    out.push(low | 128);
  }
};
for (const value of [1, 3000000000, -1, -256, -32768, -2147483649, -3000000000]) {
  let written;
  try {
    written = leb.decodeInt64(leb.encodeInt64(value)).value;
  } catch (e) {
    written = e.message;
  }
  const right = bytes(value);
  console.log(`${value}: encodeInt64 wrote ${written}, decodeInt64 of ${right.toString('hex')} is ${leb.decodeInt64(right).value}`);
}
X
node look.js | tee seen
diff seen - <<'X'
1: encodeInt64 wrote 1, decodeInt64 of 01 is 1
3000000000: encodeInt64 wrote 3000000000, decodeInt64 of 80bcc1960b is 3000000000
-1: encodeInt64 wrote Value out of range., decodeInt64 of 7f is -1
-256: encodeInt64 wrote Value out of range., decodeInt64 of 807e is -256
-32768: encodeInt64 wrote -32768, decodeInt64 of 80807e is -32768
-2147483649: encodeInt64 wrote -2147483648, decodeInt64 of ffffffff77 is -2147483649
-3000000000: encodeInt64 wrote -3000000512, decodeInt64 of 80c4bee974 is -3000000000
X
