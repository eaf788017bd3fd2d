#!/usr/bin/env bash
# Two binaries by turns under one load, each run a new localnet: perf/turns.sh OLD NEW [RATE [SECONDS [PAIRS]]]
# Prints every run and the medians. OLD_ENV and NEW_ENV set variables of one side alone, so that a setting can be compared with another of the
# same binary: OLD_ENV=VALIDATOR_STORAGE__FLUSH_RATE_MB=0 perf/turns.sh artifacts/validator artifacts/validator 10000 20 5
set -euo pipefail
old=${1:?usage: perf/turns.sh OLD NEW [RATE [SECONDS [PAIRS]]]} new=${2:?}
rate=${3:-10000} seconds=${4:-20} pairs=${5:-5}
folder=$(mktemp -d "${TMPDIR:-.}/turns.XXXXXX")
trap 'rm -rf "$folder"' EXIT
fields='p50 p99 max view_changes cpu_s rss_mb_max syncs vote_commit_p99_ms'
run() { # SIDE BINARY ENVIRONMENT
    local out=$folder/out report=$folder/report.json
    # shellcheck disable=SC2086 # several variables
    env $3 "$2" localnet --transport quic --rate "$rate" --duration "${seconds}s" --dir "$folder/net" --report "$report" >"$out" 2>&1 ||
        { tail -5 "$out" >&2; exit 1; }
    rm -rf "$folder/net"
    local line=$1 field value
    for field in $fields; do
        value=$(grep -o "\"$field\": *[0-9.]*" "$report" | head -1 | sed 's/.*: *//')
        line+=" $value"
        echo "$value" >>"$folder/$1.$field"
    done
    echo "| ${line// / | } |"
}
echo "$rate tx/s, 512 B, $seconds s a run, by turns, on $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores"
echo
echo "| side | ${fields// / | } |"
echo "|---|$(for _ in $fields; do printf -- '---:|'; done)"
for _ in $(seq "$pairs"); do
    run old "$old" "${OLD_ENV:-}"
    run new "$new" "${NEW_ENV:-}"
done
for side in old new; do
    line="median $side"
    for field in $fields; do line+=" | $(sort -g "$folder/$side.$field" | sed -n "$(((pairs + 1) / 2))p")"; done
    echo "| $line |"
done
