#!/usr/bin/env bash
# hdr-histogram-js (npm, 3.0.1): with bitBucketSize 8 or 16 the count of a value starts again at nought after 255 or 65535
# records, and nothing is raised: totalCount goes on, percentiles come out as 0, and the mean fails with an error. Its sources
# have a check "would overflow short integer count" that cannot fire, since it looks for a negative number before the typed
# array cuts the sum. Java's HdrHistogram, of which it is a port, does throw there. The default of 32 bits does the same at
# 2^32. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(hdr-histogram-js@3.0.1)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const hdr = require('hdr-histogram-js');
for (const [bits, times] of [[8, 255], [8, 256], [16, 65535], [16, 65536]]) {
  const histogram = hdr.build({ bitBucketSize: bits });
  let raised = 'nothing';
  try {
    for (let i = 0; i < times; i++) histogram.recordValue(5);
  } catch (e) {
    raised = e;
  }
  let mean;
  try {
    mean = histogram.mean;
  } catch {
    mean = 'an error';
  }
  const median = histogram.getValueAtPercentile(50);
  console.log(`${bits} bits, 5 recorded ${times} times: raised ${raised}, total ${histogram.totalCount}, median ${median}, mean ${mean}`);
}
X
node look.js | tee seen
diff seen - <<'X'
8 bits, 5 recorded 255 times: raised nothing, total 255, median 5, mean 5
8 bits, 5 recorded 256 times: raised nothing, total 256, median 0, mean an error
16 bits, 5 recorded 65535 times: raised nothing, total 65535, median 5, mean 5
16 bits, 5 recorded 65536 times: raised nothing, total 65536, median 0, mean an error
X
