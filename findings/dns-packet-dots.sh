#!/usr/bin/env bash
# dns-packet (npm, 5.6.1, below multicast-dns and bonjour-service): a name that it decoded and encodes again is another name
# where a label holds a dot, and escaping the dot by hand does not help: the backslash goes into the packet. Instance names of
# DNS-SD are free text, dots included (RFC 6763, 4.1.1), and 4.3 has such a dot escaped where the labels are joined to one text.
# So a service found by mDNS as "Node 1.2" cannot be asked for. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(dns-packet@5.6.1)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const { name } = require('dns-packet');
const labels = bytes => {
  const out = [];
  for (let at = 0; bytes[at]; at += bytes[at] + 1) out.push(bytes.toString('latin1', at + 1, at + 1 + bytes[at]));
  return JSON.stringify(out);
};
const wire = Buffer.concat(['Node 1.2', '_http', '_tcp', 'local', ''].map(l => Buffer.from([l.length, ...Buffer.from(l)])));
const text = name.decode(wire);
console.log(`${labels(wire)} decoded: ${text}`);
console.log(`encoded again: ${labels(name.encode(text))}`);
console.log(`with an escape: ${labels(name.encode('Node 1\\.2._http._tcp.local'))}`);
X
node look.js | tee seen
diff seen - <<'X'
["Node 1.2","_http","_tcp","local"] decoded: Node 1.2._http._tcp.local
encoded again: ["Node 1","2","_http","_tcp","local"]
with an escape: ["Node 1\\","2","_http","_tcp","local"]
X
