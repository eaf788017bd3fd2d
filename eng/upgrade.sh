#!/usr/bin/env bash
# make upgrade-test: builds an older commit in ~/.cache/validator-upgrade, and makes four of its validators into this tree's, one by one, under
# load; then goes from this format of the stores to the next and back, with two builds, and on with stores of the earliest builds.
#   eng/upgrade.sh [COMMIT]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
# The newest commit whose ledger has format 3. Builds before c4c5984 make ViewChanges that later ones refuse (OPERATIONS.md).
older=$(git rev-parse --verify --quiet "${1:-c01ea4b}^{commit}") ||
    { echo "upgrade-test: error: there is no commit ${1:-c01ea4b} here: a clone with its history is needed" >&2; exit 1; }
# Outside of this tree: neither build must take the other's sources for its own.
folder=${XDG_CACHE_HOME:-$HOME/.cache}/validator-upgrade/${older:0:12}
binary=$folder/Validator.Host/bin/Release/net10.0/validator.dll
if [ ! -e "$binary" ]; then
    rm -rf "$folder"
    mkdir -p "$(dirname "$folder")"
    git clone -q --no-hardlinks --no-checkout . "$folder"
    git -C "$folder" -c advice.detachedHead=false checkout -q "$older"
    # Debian's packages need not be downloaded again: the lock has their sums.
    [ ! -d .native/debs ] || { mkdir -p "$folder/.native" && cp -r .native/debs "$folder/.native/"; }
    echo "upgrade-test: building $(git log -1 --format='%h, %s' "$older")"
    dotnet build "$folder/Validator.Host" -c Release -v:q -clp:NoSummary
fi
echo "upgrade-test: from $(git log -1 --format='%h' "$older") to $(git describe --always --dirty)"
VALIDATOR_OLDER=$binary VALIDATOR_ABUSE=1 dotnet test Validator.Tests/Validator.Tests.csproj -c "${CONFIGURATION:-Release}" --no-build \
    --filter 'FullyQualifiedName~UpgradeTests|FullyQualifiedName~OldStoreTests' --logger "console;verbosity=normal" 2>&1 |
    { grep -aE --line-buffered '^ *abuse: |^ +(Passed|Failed) |Error Message|^ +Assert|^   ' || true; }
exit "${PIPESTATUS[0]}"
