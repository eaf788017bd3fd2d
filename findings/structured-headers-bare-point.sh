#!/usr/bin/env bash
# structured-headers (npm, 2.1.0): a decimal that is rounded to a whole number is written with its point and no digit behind it,
# 1.0004 as "1.". RFC 9651 (as RFC 8941), 4.1.5, writes a "0" there, and 4.2.4 fails a field that ends in a point: the library's
# own parser refuses what it wrote. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(structured-headers@2.1.0)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.mjs <<'X'
import { parseItem, serializeItem } from 'structured-headers';
for (const value of [1.5, 0.1234, 1.0004, 99.9999]) {
  const written = serializeItem([value, new Map()]);
  let read;
  try {
    read = parseItem(written)[0];
  } catch {
    read = 'refused';
  }
  console.log(`${value}: "${written}", read back: ${read}`);
}
X
node look.mjs | tee seen
diff seen - <<'X'
1.5: "1.5", read back: 1.5
0.1234: "0.123", read back: 0.123
1.0004: "1.", read back: refused
99.9999: "100.", read back: refused
X
