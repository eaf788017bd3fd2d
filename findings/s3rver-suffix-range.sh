#!/usr/bin/env bash
# s3rver (npm, 3.7.1, "fake S3 server"): a range of the last bytes, "bytes=-2", is answered with the first ones, 0 to 2, and a
# Content-Range that says so. RFC 9110, 14.1.2 (and S3): a suffix-range asks for so many bytes at the end. Readers of formats
# with their index at the end (Parquet, ZIP, seekable Zstandard) read the wrong place. Exits 1 if that changes.
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
  const at = `http://127.0.0.1:${port}/b/key`;
  await fetch(at, { method: 'PUT', body: 'hello' });
  for (const range of ['bytes=1-3', 'bytes=3-', 'bytes=-2']) {
    const answer = await fetch(at, { headers: { range } });
    console.log(`${range}: ${answer.status} "${await answer.text()}", ${answer.headers.get('content-range')}`);
  }
  await server.close();
  process.exit(0);
})();
X
node look.js 2>/dev/null | tee seen
diff seen - <<'X'
bytes=1-3: 206 "ell", bytes 1-3/5
bytes=3-: 206 "lo", bytes 3-4/5
bytes=-2: 206 "hel", bytes 0-2/5
X
