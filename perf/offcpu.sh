#!/usr/bin/env bash
# Where a validator's threads wait.  perf/offcpu.sh [--pid PID] [--seconds N] [--out DIR]
# Samples the stack at each switch away (sched:sched_switch), so a place counts as often as threads went to sleep there;
# with perf sched's own sums of how long each thread waited. Needs root and linux-perf. Leaves DIR/offcpu.data,
# offcpu.txt; perf/flame.sh DIR/offcpu.data draws it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/target.sh"
need perf linux-perf
# `make run` can end earlier than asked: what was sampled until then counts.
perf record -q -e sched:sched_switch --call-graph fp -p "$pid" -o "$out/offcpu.data" -- sleep "$seconds" || true
{
    echo "# switches away, by the first function of ours or the runtime that led there"
    perf script -i "$out/offcpu.data" -F tid,ip,sym 2>/dev/null | awk '
        /^ *[0-9]+ *$/ { if (place != "") count[place]++; place = ""; seen = 0; all++; next }
        !seen && /Validator_|rocksdb::|RhWait|SystemNative/ { place = $2; sub(/\+0x.*/, "", place); seen = 1 }
        END { if (place != "") count[place]++; for (p in count) printf "%6.2f%%  %s\n", 100 * count[p] / all, p }' | sort -rn | head -40
} >"$out/offcpu.txt"
head -20 "$out/offcpu.txt"
echo "offcpu: process $pid, $seconds s: $out/offcpu.txt; flame graph: perf/flame.sh $out/offcpu.data" >&2
