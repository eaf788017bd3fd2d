#!/usr/bin/env bash
# cbor-sync (npm, 1.0.4): a time with tag 1 is read as milliseconds. RFC 8949, 3.4.2 (as RFC 7049 before) counts tag 1 in
# seconds from 1970, fractions allowed; both items below are in its appendix A, 1(1363896240) and 1(1363896240.5), in March
# 2013. The library itself writes tag 0, text, so its own files never show it: times that others wrote land in January 1970, and
# nothing is raised. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(cbor-sync@1.0.4 cbor@10.0.12)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const sync = require('cbor-sync');
const cbor = require('cbor');
for (const hex of ['c11a514b67b0', 'c1fb41d452d9ec200000']) {
  const bytes = Buffer.from(hex, 'hex');
  console.log(`${hex}: cbor ${cbor.decodeFirstSync(bytes).toISOString()}, cbor-sync ${sync.decode(bytes).toISOString()}`);
}
X
node look.js | tee seen
diff seen - <<'X'
c11a514b67b0: cbor 2013-03-21T20:04:00.000Z, cbor-sync 1970-01-16T18:51:36.240Z
c1fb41d452d9ec200000: cbor 2013-03-21T20:04:00.500Z, cbor-sync 1970-01-16T18:51:36.240Z
X
