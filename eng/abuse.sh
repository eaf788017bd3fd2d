#!/usr/bin/env bash
# `make abuse`: the tests of attacks at full length (VALIDATOR_ABUSE=1). Each says what it did; it ends with "N passed, N failed".
# A name as argument narrows: `make abuse ARGS=Fuzz`.
set -euo pipefail
cd "$(dirname "$0")/.."
attacks='FullyQualifiedName~Abuse|FullyQualifiedName~ByzantinePeer|FullyQualifiedName~DiskSpace|FullyQualifiedName~Operator|FullyQualifiedName~BitRot|FullyQualifiedName~UpgradeTests'
fuzzing='FullyQualifiedName~Fuzz'
log=artifacts/abuse.log
start=$SECONDS
status=0
mkdir -p artifacts
: >"$log"

# Shows what the tests tell while they run, and keeps the rest in the log.
run() {
    set +e
    VALIDATOR_ABUSE=1 dotnet test Validator.Tests/Validator.Tests.csproj -c Release --no-build --filter "$1" \
        --logger "console;verbosity=normal" 2>&1 | tee -a "$log" | grep -aE --line-buffered '^ *abuse: |^ +(Passed|Failed) '
    [ "${PIPESTATUS[0]}" -eq 0 ] || status=1
    set -e
}

if [ -n "${1:-}" ]; then
    run "FullyQualifiedName~$1"
else
    echo "abuse: about 20 minutes on two idle cores, 80 at most on a busy machine; the whole log: $log"
    echo "abuse: 1. attacks on real validators, about 10 minutes"
    run "$attacks"
    echo "abuse: 2. ten million inputs for each parser, about 10 minutes on idle cores, 8 for one parser at most ($((SECONDS - start)) s so far)"
    # Parsers of JSON and texts allocate: larger generations take half of the time. Not for the validators above.
    export DOTNET_GCgen0size=0x8000000
    run "$fuzzing"
fi
count() { grep -acE "^ +$1 Validator" "$log" || true; }
passed=$(count Passed) failed=$(count Failed)
[ $status -ne 0 ] && [ "$failed" = 0 ] && tail -30 "$log"
[ "$passed" = 0 ] && status=1
grep -aE '^ +Failed Validator' "$log" || true
echo "abuse: $((SECONDS - start)) s; $passed passed, $failed failed"
exit $status
