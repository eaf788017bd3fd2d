#!/usr/bin/env bash
# cloudevents (npm, 10.0.0): in HTTP's binary mode attributes go into headers as they are, and come out as they are. The HTTP
# binding (3.1.3.2) percent-encodes spaces, quotes, percent signs and all beyond printable ASCII, and decodes on the way
# back; its own example, the euro sign as %E2%82%AC, is read as that text, and an event with the sign makes headers that fetch
# refuses. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(cloudevents@10.0.0)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const { CloudEvent, HTTP } = require('cloudevents');
const base = { id: '1', source: '/s', type: 't' };
const headers = { 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't', 'ce-specversion': '1.0', 'ce-subject': 'Euro%20%E2%82%AC' };
console.log(`read: ${HTTP.toEvent({ headers, body: '' }).subject}`);
for (const subject of ['50% off', 'Euro \u20ac']) {
  const written = HTTP.binary(new CloudEvent({ ...base, subject })).headers['ce-subject'];
  let sent = 'as it is';
  try {
    new Headers({ 'ce-subject': written });
  } catch (e) {
    sent = e.name;
  }
  console.log(`written: ${written.replace('\u20ac', 'U+20AC')}, sent: ${sent}`);
}
X
node look.js | tee seen
diff seen - <<'X'
read: Euro%20%E2%82%AC
written: 50% off, sent: as it is
written: Euro U+20AC, sent: TypeError
X
