#!/usr/bin/env bash
# fflate (npm, 0.8.3): gunzipSync, decompressSync and their asynchronous forms unpack the first member of a gzip file alone, and
# cut it to the length that the last member states: none raises anything. RFC 1952, 2.2: a gzip file is a series of members, one
# behind the other; logs that are appended to, and files packed in pieces, have several. fflate's own stream, Gunzip, and Node's
# zlib unpack all of them. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(fflate@0.8.3)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const zlib = require('zlib');
const fflate = require('fflate');
const text = bytes => Buffer.from(bytes).toString();
for (const [first, second] of [['hello ', 'world'], ['ten bytes.', 'abc']]) {
  const file = Buffer.concat([zlib.gzipSync(first), zlib.gzipSync(second)]);
  let streamed = '';
  new fflate.Gunzip(chunk => { streamed += text(chunk); }).push(file, true);
  console.log(`zlib "${text(zlib.gunzipSync(file))}", Gunzip "${streamed}", gunzipSync "${text(fflate.gunzipSync(file))}"`);
}
X
node look.js | tee seen
diff seen - <<'X'
zlib "hello world", Gunzip "hello world", gunzipSync "hello"
zlib "ten bytes.abc", Gunzip "ten bytes.abc", gunzipSync "ten"
X
