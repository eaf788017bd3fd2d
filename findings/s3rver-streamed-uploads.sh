#!/usr/bin/env bash
# s3rver (npm, 3.7.1): a body sent with Content-Encoding aws-chunked and a trailing checksum (x-amz-content-sha256
# STREAMING-UNSIGNED-PAYLOAD-TRAILER), as current AWS SDKs send streams, is stored with the chunks' lengths and the trailer in
# it: of five bytes 46 are kept, and the ETag is theirs. S3's documents of chunked uploads have the server take that framing
# away. Seen with @aws-sdk/client-s3 too; below is its request by hand. Exits 1 if that changes.
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
  const headers = {
    'content-encoding': 'aws-chunked',
    'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    'x-amz-decoded-content-length': '5',
    'x-amz-trailer': 'x-amz-checksum-crc32',
  };
  const body = '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n';
  const put = await fetch(at, { method: 'PUT', headers, body });
  console.log(`PUT ${put.status}, kept: ${JSON.stringify(await (await fetch(at)).text())}`);
  await server.close();
  process.exit(0);
})();
X
node look.js 2>/dev/null | tee seen
diff seen - <<'X'
PUT 200, kept: "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
X
