#!/usr/bin/env bash
# `make abuse`: the tests of attacks at full length (VALIDATOR_ABUSE=1). Each says what it did; it ends with "N passed, N failed".
# A name as argument narrows: `make abuse ARGS=Fuzz`.
set -euo pipefail
cd "$(dirname "$0")/.."
filter='FullyQualifiedName~Abuse|FullyQualifiedName~Byzantine|FullyQualifiedName~DiskSpace|FullyQualifiedName~Operator|FullyQualifiedName~Fuzz'
if [ -n "${1:-}" ]; then filter="FullyQualifiedName~$1"; fi
log=artifacts/abuse.log
start=$SECONDS
echo "abuse: about 20 minutes on two cores; the whole log: $log"
status=0
VALIDATOR_ABUSE=1 dotnet test Validator.Tests/Validator.Tests.csproj -c Release --no-build --filter "$filter" \
    --logger "console;verbosity=normal" >"$log" 2>&1 || status=$?
grep -aE '^ *abuse: |^ +Failed ' "$log" || true
passed=$(grep -aoE 'Passed: +[0-9]+' "$log" | tail -1 | grep -oE '[0-9]+' || echo 0)
failed=$(grep -aoE 'Failed: +[0-9]+' "$log" | tail -1 | grep -oE '[0-9]+' || echo 0)
[ $status -ne 0 ] && [ "$failed" = 0 ] && tail -30 "$log"
echo "abuse: $((SECONDS - start)) s; $passed passed, $failed failed"
exit $status
