#!/usr/bin/env bash
# parse-prometheus-text-format (npm, 1.1.1): of a histogram or summary with labels, as most have, one nameless metric is left:
# the labels are gone, _sum and _count too, and of several label sets the last one's buckets have taken the place of the
# others'. Counters and gauges keep theirs. The text format puts every label set's buckets, sum and count side by side. Exits 1
# if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(parse-prometheus-text-format@1.1.1)
npm install --ignore-scripts --no-audit --no-fund "${packages[@]}" >log 2>&1 ||
    { cat log; echo "${packages[*]}: not to be had here" >&2; exit 2; }
cat >look.js <<'X'
const parse = require('parse-prometheus-text-format');
const series = (labels, first, all) => `h_bucket{${labels}le="1"} ${first}\nh_bucket{${labels}le="+Inf"} ${all}\n` +
  (labels ? `h_sum{${labels.slice(0, -1)}} 3\nh_count{${labels.slice(0, -1)}} ${all}\n` : `h_sum 3\nh_count ${all}\n`);
const show = (what, page) => console.log(`${what}: ${JSON.stringify(parse(page)[0].metrics)}`);
show('no labels', '# TYPE h histogram\n' + series('', 1, 2));
show('one label set', '# TYPE h histogram\n' + series('peer="a",', 1, 2));
show('two label sets', '# TYPE h histogram\n' + series('peer="a",', 1, 2) + series('peer="b",', 10, 20));
show('a gauge', '# TYPE g gauge\ng{peer="a"} 1\ng{peer="b"} 2\n');
X
node look.js | tee seen
diff seen - <<'X'
no labels: [{"buckets":{"1":"1","+Inf":"2"},"count":"2","sum":"3"}]
one label set: [{"buckets":{"1":"1","+Inf":"2"}}]
two label sets: [{"buckets":{"1":"10","+Inf":"20"}}]
a gauge: [{"value":"1","labels":{"peer":"a"}},{"value":"2","labels":{"peer":"b"}}]
X
