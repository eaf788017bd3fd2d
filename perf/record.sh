#!/usr/bin/env bash
# Where a running validator spends its time.  perf/record.sh [--pid PID] [--seconds N] [--out DIR]
# Without --pid: the one `validator run` process whose binary is artifacts/validator and that has used most CPU time.
# Leaves DIR/perf.data, DIR/by-function.txt, DIR/by-thread.txt (default artifacts/perf). Needs Debian's linux-perf.
set -euo pipefail

source "$(dirname "${BASH_SOURCE[0]}")/target.sh"
need perf linux-perf

# Virtual machines often have no cycle counter; the kernel's clock then takes the samples.
event=cycles
perf stat -e cycles -- true 2>&1 | grep -qE 'not supported|not counted' && event=cpu-clock
# User space alone unless the kernel allows more: kernel.perf_event_paranoid.
[ "$(id -u)" -ne 0 ] && [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -gt 1 ] && event=$event:u

echo "record: process $pid, $seconds s, event $event" >&2
perf record -q -F 997 -e "$event" --call-graph fp -p "$pid" -o "$out/perf.data" -- sleep "$seconds"
report() { perf report -i "$out/perf.data" --stdio --no-children -g none "$@" 2>/dev/null | grep -vE '^#|^$' | sed -E 's/[ -]+$//'; }
report --percent-limit 0.3 --sort symbol >"$out/by-function.txt"
# A thread may run several stages in turn: what a sample belongs to shows in its stack.
perf script -i "$out/perf.data" -F comm,tid,ip,sym 2>/dev/null | awk '
    function count() { if (thread != "") { stages[thread " " (stage == "" ? "-" : stage)]++; all++ } }
    /^[^ \t]/ { count(); thread = $0; sub(/ +[0-9]+ *$/, "", thread); stage = ""; next }
    match($0, /Validator_Host_[A-Za-z]+_[A-Za-z]+__Work/) { stage = substr($0, RSTART, RLENGTH - 6); sub(/^Validator_Host_[A-Za-z]+_/, "", stage) }
    match($0, /Quic_QuicLoop__(Turn|Sleep)/) { stage = "QuicLoop" }
    END { count(); for (key in stages) { printf "%6.2f%%  %s\n", 100 * stages[key] / all, key } }' |
    sort -rn | awk '$1 + 0 >= 0.3' >"$out/by-thread.txt"
echo "threads, and the stages that they were at:"
cat "$out/by-thread.txt"
echo "functions:"
head -25 "$out/by-function.txt"
echo "record: $out/perf.data; callers: perf report -i $out/perf.data" >&2
