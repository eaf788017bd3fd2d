#!/usr/bin/env bash
# Where a validator's threads wait, and for how long.  perf/offcpu.sh [--pid PID] [--seconds N] [--out DIR]
# Records every switch of the machine with its stack; a wait lasts from a thread's switch away to its switch back. What was
# switched away while it could run waited for a core: "(preempted)". Needs root and linux-perf.
# Leaves DIR/offcpu.txt (thread, place, share of the time of one thread), offcpu.folded, offcpu.svg (width: time).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/target.sh"
need perf linux-perf

threads=$(cd "/proc/$pid/task" && echo *)
perf record -q -a -e sched:sched_switch --call-graph fp -o "$out/offcpu.data" -- sleep "$seconds"
perf script -i "$out/offcpu.data" -F comm,tid,time,trace,ip,sym 2>/dev/null | awk -v threads="$threads" '
    BEGIN { n = split(threads, list, " "); for (i = 1; i <= n; i++) ours[list[i]] = 1 }
    function leave(   i, line) {
        if (!(out in ours)) { out = ""; return }
        line = name ";" (ready ? "(preempted)" : "")
        if (!ready) { line = name; for (i = depth; i >= 1; i--) line = line ";" frame[i] }
        stack[out] = line; since[out] = now; out = ""
    }
    /prev_pid=/ {
        leave()
        match($0, /prev_pid=[0-9]+/); out = substr($0, RSTART + 9, RLENGTH - 9)
        match($0, /next_pid=[0-9]+/); back = substr($0, RSTART + 9, RLENGTH - 9)
        match($0, /prev_comm=.* prev_pid=/); name = substr($0, RSTART + 10, RLENGTH - 20)
        ready = ($0 ~ /prev_state=R/); depth = 0
        match($0, / [0-9]+\.[0-9]+:/); now = substr($0, RSTART + 1, RLENGTH - 2) + 0
        if (back in stack) { spent[stack[back]] += now - since[back]; delete stack[back] }
        next
    }
    NF >= 2 {
        f = $0; sub(/^[ \t]*[0-9a-f]+ /, "", f); gsub(/;/, ":", f)
        sub(/^(validator|Validator_(Core|Net|Crypto_Simd))_Validator_(Host|Core|Net|Crypto_Simd)_/, "", f)
        frame[++depth] = f
    }
    END { for (line in spent) printf "%s %d\n", line, 1e6 * spent[line] }' >"$out/offcpu.folded"
# A wait is named by the innermost function that is neither the kernel nor the C library, else by its system call.
awk -v s="$seconds" '{
        micros = $NF; line = $0; sub(/ [0-9]+$/, "", line); n = split(line, f, ";"); place = f[2]
        for (i = n; i > 1; i--) if (f[i] ~ /^__x64_sys_/) { place = "in " substr(f[i], 11); break }
        for (i = n; i > 1; i--) if (f[i] ~ /__[A-Z]|rocksdb|Rh|preempted/ && f[i] !~ /^__/) { place = f[i]; break }
        sum[f[1] "  " place] += micros }
    END { for (p in sum) if (sum[p] > 1e4 * s) printf "%7.2f%%  %s\n", sum[p] / s / 1e4, p }' "$out/offcpu.folded" | sort -rn >"$out/offcpu.txt"
perl "$root/perf/flame.pl" "off the processor: width is time, summed over threads" <"$out/offcpu.folded" >"$out/offcpu.svg"
head -25 "$out/offcpu.txt"
echo "offcpu: process $pid, $seconds s: $out/offcpu.txt, $out/offcpu.svg" >&2
