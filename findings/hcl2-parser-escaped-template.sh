#!/usr/bin/env bash
# hcl2-parser (npm, 1.0.3): the literal text "$${x}" of an HCL file becomes the same JSON string as the template "${x}", and
# "%%{if x}" the same as the directive "%{if x}": what was escaped is turned into an expression. HCL's JSON syntax (json/spec.md)
# reads the strings of expressions as templates too, so an escape has to stay one; @cdktf/hcl2json keeps it. Exits 1 if that
# changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(hcl2-parser@1.0.3)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const hcl = require('hcl2-parser');
for (const file of ['a = "${x}"', 'a = "$${x}"', 'a = "%{if x}y%{endif}"', 'a = "%%{if x}y%%{endif}"'])
  console.log(`${file} -> ${hcl.parseToString(file)[0]}`);
X
node look.js | tee seen
diff seen - <<'X'
a = "${x}" -> {"a":"${x}"}
a = "$${x}" -> {"a":"${x}"}
a = "%{if x}y%{endif}" -> {"a":"%{if x}y%{endif}"}
a = "%%{if x}y%%{endif}" -> {"a":"%{if x}y%{endif}"}
X
