#!/usr/bin/env bash
# Who allocates.  perf/allocations.sh [--pid PID] [--seconds N] [--out DIR]
# Managed: a probe on RhpGcAlloc, which Native AOT calls when a thread's allocation context (8 KiB) is full or an object is
# large; so each hit stands for about 8 KiB, and who allocates much is hit often. Native: calls of malloc, counted.
# Needs root, linux-perf and the symbols beside the binary. Leaves DIR/allocations.txt; perf/flame.sh DIR/allocations.data.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/target.sh"
need perf linux-perf

binary=$(readlink "/proc/$pid/exe")
group=alloc_$$
cleanup() { perf probe -q -d "$group:*" 2>/dev/null || true; }
trap cleanup EXIT
perf probe -q -x "$binary" --add "$group:managed=RhpGcAlloc" --add "$group:native=malloc"
perf stat -e "$group:native" -p "$pid" -x, -- sleep "$((seconds < 3 ? 1 : seconds / 3))" 2>"$out/allocations.stat" || true
perf record -q -e "$group:managed" --call-graph fp -p "$pid" -o "$out/allocations.data" -- sleep "$seconds" 2>/dev/null || true
{
    awk -F, -v s="$((seconds < 3 ? 1 : seconds / 3))" '$1 ~ /^[0-9]+$/ { printf "malloc: %.0f calls/s\n", $1 / s }' "$out/allocations.stat"
    perf script -i "$out/allocations.data" -F comm,ip,sym 2>/dev/null | awk -v s="$seconds" '
        function done() { if (thread != "") { all++; count[thread "  " (place == "" ? "runtime" : place)]++ } place = "" }
        /^[^ \t]/ { done(); thread = $0; sub(/:?[ \t]+$/, "", thread); next }
        place == "" && /[vV]alidator_[A-Z].*__/ { place = $2; sub(/\+0x.*/, "", place) }
        END {
            done()
            printf "managed: %.0f contexts of 8 KiB/s, about %.2f MB/s\n", all / s, all * 8192 / s / 1e6
            for (p in count) printf "%6.2f%%  %s\n", 100 * count[p] / all, p | "sort -rn"
        }'
} >"$out/allocations.txt"
rm -f "$out/allocations.stat"
head -25 "$out/allocations.txt"
echo "allocations: process $pid, $seconds s: $out/allocations.txt" >&2
