#!/usr/bin/env bash
# jmespath (npm, 0.16.0): to_number turns the empty text into 0, "0x10" into 16 and " 5 " into 5. JMESPath's specification
# speaks of strings by JSON's grammar of numbers, which none of these three is; of "x" the library makes null. A filter for what
# is no number, such as to_number(v) == `null`, passes over empty fields, and sums count them as 0. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(jmespath@0.16.0)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const { search } = require('jmespath');
for (const text of ['12', '1e3', 'x', '', ' 5 ', '0x10'])
  console.log(`to_number("${text}") is ${search({ v: text }, 'to_number(v)')}`);
X
node look.js | tee seen
diff seen - <<'X'
to_number("12") is 12
to_number("1e3") is 1000
to_number("x") is null
to_number("") is 0
to_number(" 5 ") is 5
to_number("0x10") is 16
X
