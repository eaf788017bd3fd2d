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
# The kernel knows most threads as "validator": what a thread is shows in its stacks.
perf script -i "$out/perf.data" -F tid,comm,ip,sym 2>/dev/null | awk '
    /^[^ \t]/ { thread = $NF; comm[thread] = $0; sub(/ +[0-9]+ *$/, "", comm[thread]); samples[thread]++; all++; next }
    match($0, /Validator_Host_[A-Za-z]+_[A-Za-z]+__Work/) { role[thread] = substr($0, RSTART, RLENGTH - 6); sub(/^Validator_Host_[A-Za-z]+_/, "", role[thread]) }
    match($0, /Quic_QuicLoop__Run/) { role[thread] = "QuicLoop" }
    END {
        for (thread in samples)
            printf "%6.2f%%  %-8s %s\n", 100 * samples[thread] / all, thread, thread in role ? role[thread] : comm[thread]
    }' | sort -rn | awk '$1 + 0 >= 0.3' >"$out/by-thread.txt"
echo "threads:"
cat "$out/by-thread.txt"
echo "functions:"
head -25 "$out/by-function.txt"
echo "record: $out/perf.data; callers: perf report -i $out/perf.data" >&2
