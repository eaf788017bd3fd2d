#!/usr/bin/env bash
# A flame graph of what perf/record.sh or perf/allocations.sh recorded.  perf/flame.sh [DATA] [SVG] [TITLE]
# Default: artifacts/perf/perf.data to artifacts/perf/flame.svg. Folded stacks are left beside it (.folded).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
data=${1:-$root/artifacts/perf/perf.data} svg=${2:-${1:+${1%.*}.svg}} title=${3:-}
svg=${svg:-$root/artifacts/perf/flame.svg}
[ -f "$data" ] || { echo "flame: $data is missing: perf/record.sh makes it" >&2; exit 1; }

# perf lists a stack innermost first; symbols lose their offset, managed ones their assembly, which the type repeats.
perf script -i "$data" -F comm,ip,sym 2>/dev/null | awk '
    function flush(   i, line) {
        if (n == 0) return
        line = thread
        for (i = n; i >= 1; i--) line = line ";" frame[i]
        count[line]++
        n = 0
    }
    /^[^ \t]/ { flush(); thread = $0; sub(/:?[ \t]+$/, "", thread); next }
    NF >= 2 {
        name = $0; sub(/^[ \t]*[0-9a-f]+ /, "", name); sub(/\+0x[0-9a-f]+$/, "", name)
        gsub(/;/, ":", name); sub(/^(validator|Validator_(Core|Net|Crypto_Simd))_Validator_(Host|Core|Net|Crypto_Simd)_/, "", name)
        sub(/^S_P_CoreLib_System_/, "", name)
        frame[++n] = name
    }
    END { flush(); for (line in count) print line, count[line] }' >"${svg%.svg}.folded"
[ -s "${svg%.svg}.folded" ] || { echo "flame: no stacks in $data" >&2; exit 1; }
perl "$root/perf/flame.pl" "$title" <"${svg%.svg}.folded" >"$svg"
echo "flame: $svg ($(wc -l <"${svg%.svg}.folded") stacks)" >&2
