#!/usr/bin/env bash
# range-parser (npm, 1.3.0, below send and Express): a request for the last bytes is told as unsatisfiable when it asks for more
# of them than there are, so that a server answers 416. RFC 9110, 14.1.2: the whole representation is used then. Clients that
# read the end of a file of unknown length, 64 KiB of it say, fail with short files only. A range past the end from the front is
# cut, as it should be. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(range-parser@1.3.0)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const parse = require('range-parser');
for (const range of ['bytes=0-99', 'bytes=-5', 'bytes=-6'])
  console.log(`${range} of 5 bytes: ${parse(5, range) === -1 ? 'unsatisfiable' : JSON.stringify(parse(5, range)[0])}`);
X
node look.js | tee seen
diff seen - <<'X'
bytes=0-99 of 5 bytes: {"start":0,"end":4}
bytes=-5 of 5 bytes: {"start":0,"end":4}
bytes=-6 of 5 bytes: unsatisfiable
X
