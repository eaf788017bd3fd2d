#!/usr/bin/env bash
# url-template (npm, 3.1.1): an empty list in a query is written as an empty parameter, "?l=". RFC 6570, 2.3: a list without
# members is undefined, and 3.2.8 writes nothing for what is undefined; a server told "l=" filters by an empty text. And a
# prefix, {x:1}, cuts a character above U+FFFF in two and raises "URI malformed", where 2.4.1 counts Unicode characters. Exits 1
# if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(url-template@3.1.1 uri-templates@0.2.0)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.mjs <<'X'
import { createRequire } from 'module';
import { parseTemplate } from 'url-template';
const other = createRequire(import.meta.url)('uri-templates');
for (const [template, values] of [['{?l}', { l: ['a', 'b'] }], ['{?l}', { l: [] }], ['{x:1}', { x: '\u{10348}b' }]]) {
  let expanded;
  try {
    expanded = `"${parseTemplate(template).expand(values)}"`;
  } catch (e) {
    expanded = e.message;
  }
  console.log(`${template} with ${JSON.stringify(values).replace('\u{10348}', 'U+10348 ')}: ${expanded}`);
}
console.log(`uri-templates, {?l} with []: "${other('{?l}').fill({ l: [] })}"`);
X
node look.mjs | tee seen
diff seen - <<'X'
{?l} with {"l":["a","b"]}: "?l=a,b"
{?l} with {"l":[]}: "?l="
{x:1} with {"x":"U+10348 b"}: URI malformed
uri-templates, {?l} with []: ""
X
