#!/usr/bin/env bash
# glossy (npm, 0.1.7): its RFC 5424 producer fills milliseconds up to two digits only, so that 5 ms are written ".05" and 50 ms
# ".50". By RFC 5424, 6.2.3 (and RFC 3339) these digits are a decimal fraction: read back, by glossy's own parser too, 5 ms have
# become 50 ms and 50 ms 500. Every time below 100 ms within its second is wrong, and lines sort wrongly. Exits 1 if that
# changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(glossy@0.1.7)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const { Produce, Parse } = require('glossy');
const producer = new Produce({ type: 'RFC5424' });
for (const ms of [5, 50, 99, 123]) {
  const date = new Date(ms);
  const line = producer.produce({ facility: 'local4', severity: 'error', host: 'h', appName: 'a', date, message: 'm' });
  console.log(`${ms} ms: ${line.split(' ')[1]}, read back as ${Parse.parse(line).time.getTime()} ms`);
}
X
node look.js | tee seen
diff seen - <<'X'
5 ms: 1970-01-01T00:00:00.05Z, read back as 50 ms
50 ms: 1970-01-01T00:00:00.50Z, read back as 500 ms
99 ms: 1970-01-01T00:00:00.99Z, read back as 990 ms
123 ms: 1970-01-01T00:00:00.123Z, read back as 123 ms
X
