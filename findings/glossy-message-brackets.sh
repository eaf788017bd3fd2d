#!/usr/bin/env bash
# glossy (npm, 0.1.7): when an RFC 5424 line has structured data, its parser drops the message up to the last "]" before a
# space. By RFC 5424, 6.3, an SD-ELEMENT ends at the first "]" that no backslash stands before; what comes behind it is the
# message, brackets and all. The same message behind the NILVALUE "-" arrives whole, so the loss is seen in part of the lines
# only. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(glossy@0.1.7)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const { Parse } = require('glossy');
for (const message of ['plain text', 'array[0] = 1', 'peers [a] and [b] lost'])
  for (const data of ['-', '[a@1 k="v"]'])
    console.log(`${data} "${message}" -> "${Parse.parse(`<165>1 2003-10-11T22:14:15.003Z h e - - ${data} ${message}`).message}"`);
X
node look.js | tee seen
diff seen - <<'X'
- "plain text" -> "plain text"
[a@1 k="v"] "plain text" -> "plain text"
- "array[0] = 1" -> "array[0] = 1"
[a@1 k="v"] "array[0] = 1" -> "= 1"
- "peers [a] and [b] lost" -> "peers [a] and [b] lost"
[a@1 k="v"] "peers [a] and [b] lost" -> "lost"
X
