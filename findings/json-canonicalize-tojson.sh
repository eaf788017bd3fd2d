#!/usr/bin/env bash
# json-canonicalize (npm, 3.0.1): an object that has a member named "toJSON", be it plain data such as true, is written with its
# members in the order they came, all below it too. RFC 8785, 3.2.3, sorts the members of every object, whatever their names. So
# two parties that hold the same data get two texts and two digests. canonicalize 4.0.0 sorts them. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(json-canonicalize@3.0.1 canonicalize@4.0.0)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.mjs <<'X'
import { createRequire } from 'module';
import other from 'canonicalize';
const { canonicalize } = createRequire(import.meta.url)('json-canonicalize');
for (const text of ['{"z":1,"a":2}', '{"z":1,"toJSON":true,"a":2}', '{"x":{"toJSON":"no","c":[{"z":1,"y":2}],"b":3}}'])
  console.log(`${text}: canonicalize ${other(JSON.parse(text))}, json-canonicalize ${canonicalize(JSON.parse(text))}`);
X
node look.mjs | tee seen
diff seen - <<'X'
{"z":1,"a":2}: canonicalize {"a":2,"z":1}, json-canonicalize {"a":2,"z":1}
{"z":1,"toJSON":true,"a":2}: canonicalize {"a":2,"toJSON":true,"z":1}, json-canonicalize {"z":1,"toJSON":true,"a":2}
{"x":{"toJSON":"no","c":[{"z":1,"y":2}],"b":3}}: canonicalize {"x":{"b":3,"c":[{"y":2,"z":1}],"toJSON":"no"}}, json-canonicalize {"x":{"toJSON":"no","c":[{"z":1,"y":2}],"b":3}}
X
