#!/usr/bin/env bash
# nsyslog-parser (npm, 0.10.1): of valid RFC 5424 lines it loses header and structured data, and calls them RFC5424 all the
# same. A host that is an IPv6 address (6.2.4 allows it) leaves host, application and process id empty, all in the message; an
# SD-ELEMENT without parameters (6.3.1: zero or more), or with an escaped quote (6.3.3), goes to the message; of two elements
# the first can be lost; and the time NILVALUE (6.2.3) becomes the time of parsing. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(nsyslog-parser@0.10.1)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const parse = require('nsyslog-parser');
const show = (what, line) => {
  const { host, appName, structuredData, message } = parse(line);
  console.log(`${what}: ${JSON.stringify({ host, appName, sd: structuredData, message })}`);
};
const head = '<165>1 2003-10-11T22:14:15.003Z';
show('as expected', `${head} h app - ID [a@1 k="v"] m`);
show('IPv6 host', `${head} 2001:db8::1 app - ID - m`);
show('no parameters', `${head} h app - ID [a@1] m`);
show('escaped quote', `${head} h app - ID [a@1 k="\\"v\\""] m`);
show('two elements', `${head} h app - ID [meta sequenceId="29" sysUpTime="42"][origin ip="192.0.2.1" software="x"]`);
console.log(`no time: a time within this minute ${Math.abs(Date.now() - parse('<165>1 - h app - ID - m').ts) < 60000}`);
X
node look.js | tee seen
diff seen - <<'X'
as expected: {"host":"h","appName":"app","sd":[{"$id":"a@1","k":"v"}],"message":"m"}
IPv6 host: {"host":"","sd":[],"message":"2001:db8::1 app - ID - m"}
no parameters: {"host":"h","appName":"app","sd":[],"message":"[a@1] m"}
escaped quote: {"host":"h","appName":"app","sd":[],"message":"[a@1 k=\"\\\"v\\\"\"] m"}
two elements: {"host":"h","appName":"app","sd":[{"$id":"origin","ip":"192.0.2.1","software":"x"}],"message":"sequenceId=\"29\" sysUpTime=\"42\"]"}
no time: a time within this minute true
X
