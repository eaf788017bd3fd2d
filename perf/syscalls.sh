#!/usr/bin/env bash
# System calls of a running validator: how many and which.  perf/syscalls.sh [--pid PID] [--seconds N] [--out DIR]
# By the kernel's trace points where perf may read them, else by strace (which slows the validator: counts, not times,
# are then to be trusted). Leaves DIR/syscalls.txt.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/target.sh"

rm -f "$out/syscalls.raw"
command -v perf >/dev/null && perf trace -s -p "$pid" -o "$out/syscalls.raw" -- sleep "$seconds" 2>/dev/null || true
if [ -s "$out/syscalls.raw" ]; then
    # One table a thread: summed here.
    awk '/^ +[a-z_0-9]+ +[0-9]+ / { calls[$1] += $2 } END { for (c in calls) print calls[c], c }' "$out/syscalls.raw"
    rm -f "$out/syscalls.raw"
else
    need strace strace
    timeout -s INT "$seconds" strace -f -c -q -p "$pid" -o "$out/syscalls.raw" 2>/dev/null || true
    awk '/^ +[0-9.]+ +[0-9.]+ +[0-9]+ +[0-9]+/ && $NF != "total" { print $4, $NF }' "$out/syscalls.raw"
fi | sort -rn | awk -v s="$seconds" '{ printf "%10.1f/s  %s\n", $1 / s, $2 }' >"$out/syscalls.txt"
head -25 "$out/syscalls.txt"
echo "syscalls: process $pid, $seconds s: $out/syscalls.txt" >&2
