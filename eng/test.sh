#!/usr/bin/env bash
# make test: runs what is built and ends with one line, "N passed, N failed". FILTER narrows it, as for dotnet test.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Tools that only tests use. Where they cannot be installed, the tests that need them say so.
missing=()
for tool in strace prometheus spin; do
    command -v $tool >/dev/null || missing+=($tool)
done
if [ "${VALIDATOR_ARM64:-}" = 1 ]; then
    command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static)
fi
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "test: installing ${missing[*]}"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"; } \
        >/dev/null 2>&1 || echo "test: could not install ${missing[*]}" >&2
fi

results=artifacts/test
rm -rf $results
arguments=(--no-build -c "${CONFIGURATION:-Release}" --results-directory $results --logger "trx;LogFileName=tests.trx"
    --logger "console;verbosity=minimal" --blame-hang-timeout 10m --blame-hang-dump-type none)
[ -n "${FILTER:-}" ] && arguments+=(--filter "$FILTER")

dotnet test Validator.Tests/Validator.Tests.csproj "${arguments[@]}"
status=$?

read -r passed failed skipped < <(cat $results/*.trx 2>/dev/null | perl -ne '
    if (/<Counters total="(\d+)" executed="(\d+)" passed="(\d+)" failed="(\d+)"/) { $p += $3; $f += $4; $s += $1 - $2 }
    END { printf "%d %d %d\n", $p // 0, $f // 0, $s // 0 }')
# A test host that died, or found nothing to run, has not passed.
if [ "$failed" -eq 0 ] && { [ $status -ne 0 ] || [ "$passed" -eq 0 ]; }; then
    echo "test: the runner ended with status $status and counted no failure" >&2
    failed=1
fi
[ "$skipped" -gt 0 ] && echo "test: $skipped skipped here, each with its reason above"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
