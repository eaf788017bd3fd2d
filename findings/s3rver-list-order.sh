#!/usr/bin/env bash
# s3rver (npm, 3.7.1): the keys of a bucket come in the order of its folders, not of the keys. S3's ListObjectsV2 lists a
# general purpose bucket in the order of the keys' UTF-8 bytes: "x+1" (2B) before "x/1" (2F). Here all below "x/" comes first.
# Whoever merges two listings, or stops at the first key past a prefix, misses keys. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(s3rver@3.7.1)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const S3rver = require('s3rver');
(async () => {
  const bucket = { name: 'b' };
  const server = new S3rver({ address: '127.0.0.1', port: 0, silent: true, directory: 'data', configureBuckets: [bucket] });
  const { port } = await server.run();
  const at = `http://127.0.0.1:${port}/b`;
  for (const key of ['x+1', 'x-1', 'x/1', 'x/2', 'x0'])
    await fetch(`${at}/${key.replace('+', '%2B')}`, { method: 'PUT', body: key });
  const page = await (await fetch(`${at}?list-type=2`)).text();
  const keys = [...page.matchAll(/<Key>([^<]*)</g)].map(m => m[1]);
  console.log(`listed ${keys.join(' ')}, by their bytes ${[...keys].sort().join(' ')}`);
  await server.close();
  process.exit(0);
})();
X
node look.js 2>/dev/null | tee seen
grep -qx 'listed x/1 x/2 .*, by their bytes x+1 x-1 x/1 x/2 x0' seen
