#!/usr/bin/env bash
# prom-client (npm, 15.1.3, with tdigest 0.1.3): the quantiles of a Summary are far off when values repeat, as times in whole
# milliseconds or sizes do: of 1000 values of 0.001 and 10 of 1, the median is told as 0.0109 and the 90th percentile as 0.81,
# both truly 0.001. Equal values are one point for the digest, and it draws a straight line from one point to the next, over the
# whole weight. The t-digest's promise is an error in rank near nought; 0.81 has rank 0.99. Of values that differ a little,
# median and 90th percentile are right. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(prom-client@15.1.3 tdigest@0.1.3)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const { Registry, Summary } = require('prom-client');
const show = async (what, few) => {
  const registry = new Registry();
  const summary = new Summary({ name: 's', help: 'h', registers: [registry], percentiles: [0.5, 0.9, 0.99] });
  for (let i = 0; i < 1000; i++) summary.observe(few(i));
  for (let i = 0; i < 10; i++) summary.observe(1);
  const page = await registry.metrics();
  const quantiles = [...page.matchAll(/quantile="([\d.]+)"\} (\S+)/g)].map(m => `${m[1]}: ${Number(m[2]).toFixed(4)}`);
  console.log(`${what}: ${quantiles.join(', ')}`);
};
(async () => {
  await show('1000 equal', () => 0.001);
  await show('1000 that differ', i => 0.001 + i * 1e-9);
})();
X
node look.js | tee seen
grep -q '^1000 equal: 0.5: 0.0109, 0.9: 0.8101, ' seen
grep -q '^1000 that differ: 0.5: 0.0010, 0.9: 0.0010, ' seen
