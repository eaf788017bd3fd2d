#!/usr/bin/env bash
# make fuzz: coverage-guided fuzzing of every parser, SharpFuzz under AFL++. eng/fuzz.sh MINUTES [PARSER...]
# MINUTES are shared by all parsers. JOBS=n runs n at a time. KEEP=1 puts what reached new code into Validator.Tests/Fuzz/Corpus.
# Inputs that a parser did not survive stay in artifacts/fuzz/crashes/PARSER; then this ends with 1.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
minutes=${1:?usage: eng/fuzz.sh MINUTES [PARSER...]}
shift
jobs=${JOBS:-$(nproc)}
configuration=${CONFIGURATION:-Release}
built=$root/eng/fuzz/bin/$configuration/net10.0
out=$root/artifacts/fuzz

if ! command -v afl-fuzz >/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "fuzz: installing afl++"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends afl++; } >/dev/null 2>&1 || true
fi
afl=$(command -v afl-fuzz) || { echo "fuzz: error: afl-fuzz is needed (Debian's package afl++: as root: apt-get install afl++)" >&2; exit 1; }

dotnet build eng/fuzz -c "$configuration" -v:q -clp:NoSummary
mapfile -t names < <(if (($#)); then printf '%s\n' "$@"; else dotnet "$built/Validator.Fuzz.dll" names; fi)
seconds=$((minutes * 60 * jobs / ${#names[@]}))
((seconds >= 5)) || { echo "fuzz: error: $minutes minutes are too few for ${#names[@]} parsers" >&2; exit 2; }

rm -rf "$out"
mkdir -p "$out/runs" "$out/crashes"
cp -r "$built" "$out/bin"
dotnet "$built/Validator.Fuzz.dll" instrument "$out/bin/Validator.Core.dll" "$out/bin/Validator.Net.dll" "$out/bin/validator.dll"
for name in "${names[@]}"; do
    dotnet "$built/Validator.Fuzz.dll" seeds "$name" "$out/seeds/$name"
done
echo "fuzz: ${#names[@]} parsers, $seconds s each, $jobs at a time, $("$afl" -h 2>&1 | grep -aoE 'afl-fuzz\+\+[0-9a-z.]+' | head -1)"

# The marks are in managed code, which afl-fuzz does not see; the runtime wants memory without a limit.
export AFL_SKIP_BIN_CHECK=1 AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1
export DOTNET_TieredCompilation=1 DOTNET_EnableDiagnostics=0
run() {
    "$1" -i "$2/seeds/$4" -o "$2/runs/$4" -m none -t 10000 -V "$3" -- dotnet "$2/bin/Validator.Fuzz.dll" run "$4" >"$2/runs/$4.log" 2>&1 ||
        { echo "fuzz: $4: afl-fuzz failed:"; tail -15 "$2/runs/$4.log"; }
}
export -f run
printf '%s\n' "${names[@]}" | xargs -P "$jobs" -I NAME bash -c 'run "$0" "$1" "$2" "$3"' "$afl" "$out" "$seconds" NAME

stat() { sed -n "s/^$2 *: *//p" "$out/runs/$1/default/fuzzer_stats" 2>/dev/null || true; }
failed=0 all=0
printf '\n| parser | inputs | a second | branches | kept | not survived | slow |\n|---|---:|---:|---:|---:|---:|---:|\n'
for name in "${names[@]}"; do
    if [ ! -s "$out/runs/$name/default/fuzzer_stats" ]; then
        echo "fuzz: $name: did not run; see $out/runs/$name.log" >&2
        failed=1
        continue
    fi
    if [ "$(stat "$name" execs_done)" -eq 0 ]; then
        echo "fuzz: $name: no input was tried; see $out/runs/$name.log" >&2
        failed=1
    fi
    crashes=$(stat "$name" saved_crashes) hangs=$(stat "$name" saved_hangs)
    all=$((all + $(stat "$name" execs_done)))
    printf '| %s | %s | %s | %s | %s | %s | %s |\n' "$name" "$(stat "$name" execs_done)" "$(stat "$name" execs_per_sec)" \
        "$(stat "$name" edges_found)" "$(stat "$name" corpus_count)" "$crashes" "$hangs"
    if ((crashes + hangs > 0)); then
        failed=1
        mkdir -p "$out/crashes/$name"
        find "$out/runs/$name/default/crashes" "$out/runs/$name/default/hangs" -name 'id:*' -exec cp {} "$out/crashes/$name/" \;
    fi
    if [ "${KEEP:-0}" = 1 ]; then
        # What afl-fuzz marks as new code, not only as another count; short ones, a few.
        mkdir -p "$root/Validator.Tests/Fuzz/Corpus/$name"
        find "$out/runs/$name/default/queue" -name 'id:*,src:*+cov' -size -3 -printf '%s %p\n' | sort -n | head -"${KEEP_MOST:-24}" | cut -d' ' -f2- |
            while read -r file; do cp "$file" "$root/Validator.Tests/Fuzz/Corpus/$name/$(sha256sum "$file" | cut -c1-16)"; done
    fi
done
printf '\nfuzz: %s inputs\n' "$all"
for folder in "$out"/crashes/*/; do
    [ -d "$folder" ] || continue
    timeout 120 dotnet "$built/Validator.Fuzz.dll" replay "$(basename "$folder")" "$folder"/* | cut -c1-2000 || true
done
if ((failed)); then
    echo "fuzz: error: a parser was not fuzzed, or some input was not survived or took too long: $out/crashes" >&2
    exit 1
fi
