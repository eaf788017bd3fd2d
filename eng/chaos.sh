#!/usr/bin/env bash
# make chaos: the published binary under load and disasters for SECONDS (60), from SEED. As root on Linux each validator
# gets a network namespace of its own, on a bridge in a further one, where the driver and its relay run; nothing outside
# of these namespaces is touched. Else all is on loopback, behind the relay alone.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bench=Validator.Bench/bin/${CONFIGURATION:-Release}/net10.0/Validator.Bench.dll
arguments=(chaos --binary artifacts/validator "$@")
prefix=validator-$$

remove() {
    local name
    for name in "$prefix-hub" "$prefix-1" "$prefix-2" "$prefix-3" "$prefix-4"; do
        ip netns del "$name" 2>/dev/null || true
    done
}

create() {
    local i
    ip netns add "$prefix-hub" &&
        ip -n "$prefix-hub" link set lo up &&
        ip -n "$prefix-hub" link add bridge type bridge &&
        ip -n "$prefix-hub" addr add 10.88.0.254/24 dev bridge &&
        ip -n "$prefix-hub" link set bridge up || return 1
    for i in 1 2 3 4; do
        ip netns add "$prefix-$i" &&
            ip -n "$prefix-hub" link add "v$i" type veth peer name eth0 netns "$prefix-$i" &&
            ip -n "$prefix-hub" link set "v$i" master bridge up &&
            ip -n "$prefix-$i" addr add "10.88.0.$i/24" dev eth0 &&
            ip -n "$prefix-$i" link set lo up &&
            ip -n "$prefix-$i" link set eth0 up &&
            ip netns exec "$prefix-$i" nft list ruleset >/dev/null || return 1
    done
}

why=
if [ "$(id -u)" -ne 0 ]; then why="not root"
elif ! command -v ip >/dev/null || ! command -v nft >/dev/null; then why="ip or nft is missing (Debian: iproute2, nftables)"
else
    trap remove EXIT
    create || why="this system refused them"
fi
if [ -n "$why" ]; then
    echo "chaos: no network namespaces, $why: the relay alone, on loopback"
    dotnet "$bench" "${arguments[@]}"
else
    ip netns exec "$prefix-hub" dotnet "$bench" "${arguments[@]}" --namespaces "$prefix"
fi
