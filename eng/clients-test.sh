#!/usr/bin/env bash
# make clients-test: installs what the lock file pins, checks types, runs the clients' unit tests and the scenarios of
# clients/conformance against the published binary. Ends with "N passed, N failed".
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export VALIDATOR_BINARY=${VALIDATOR_BINARY:-$root/artifacts/validator}
version='const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)'
node -e "$version" 2>/dev/null && command -v npm >/dev/null || { echo "clients-test: Node 20.19 or later with npm is needed" >&2; exit 1; }
[ -x "$VALIDATOR_BINARY" ] || { echo "clients-test: $VALIDATOR_BINARY is missing: make publish" >&2; exit 1; }

cd "$root/clients/typescript"
npm ci --ignore-scripts --no-progress --loglevel=error
rm -rf dist
npm run --silent fmt-check >/dev/null || { echo "clients-test: run npm run fmt in clients/typescript" >&2; exit 1; }
npm run --silent build
npx --no-install tsc -p tsconfig.test.json

mkdir -p "$root/artifacts"
results=$root/artifacts/clients-test.tap
status=0
node --test --test-concurrency=1 --test-reporter=spec --test-reporter-destination=stdout --test-reporter=tap \
    --test-reporter-destination="$results" dist/test/test/*.test.js dist/test/test/live/*.test.js || status=$?

passed=$(awk '/^# pass / { print $3 }' "$results")
failed=$(awk '/^# fail / { print $3 }' "$results")
# A runner that died, or found nothing to run, has not passed.
if [ "${failed:-0}" -eq 0 ] && { [ $status -ne 0 ] || [ "${passed:-0}" -eq 0 ]; }; then
    echo "clients-test: the runner ended with status $status and counted no failure" >&2
    failed=1
fi
echo "${passed:-0} passed, $failed failed"
[ "$failed" -eq 0 ]
