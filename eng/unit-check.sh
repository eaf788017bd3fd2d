#!/usr/bin/env bash
# Checks deploy/validator.service by systemd-analyze: that it is well-formed, and how much of the machine it leaves open to the service.
# Takes the system's systemd-analyze, or unpacks Debian's packages into .native/systemd without installing them.
# Ends with 77 where there is neither. eng/unit-check.sh [MOST], the highest exposure allowed, 1.5 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
most=${1:-1.5}
unit=deploy/validator.service

if ! analyze=$(command -v systemd-analyze); then
    place=$PWD/.native/systemd
    analyze=$place/root/usr/bin/systemd-analyze
    if [ ! -x "$analyze" ]; then
        rm -rf "$place"
        mkdir -p "$place"
        (cd "$place" && apt-get -qq download systemd libsystemd-shared libsystemd0) >"$place/log" 2>&1 ||
            { echo "unit-check: neither systemd-analyze nor Debian's package of it is to be had"; exit 77; }
        for package in "$place"/*.deb; do dpkg-deb -x "$package" "$place/root"; done
    fi
    root=$place/root
    export LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu/systemd:$root/lib/x86_64-linux-gnu/systemd:$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
    "$analyze" --version >/dev/null 2>&1 || { echo "unit-check: Debian's systemd-analyze does not run here"; exit 77; }
    export SYSTEMD_UNIT_PATH=$root/lib/systemd/system:$root/usr/lib/systemd/system
fi

# The commands that it names must exist to be verified: those of this machine that are there, and an empty one in the place of ours.
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
sed "s|/usr/bin/validator|$tree/validator|" $unit >"$tree/validator.service"
printf '#!/bin/sh\n' >"$tree/validator"
chmod +x "$tree/validator"
# A page that is in no manual, and units that only an installed system has, are warnings.
faults=$("$analyze" verify --man=no "$tree/validator.service" 2>&1 | grep -E 'validator\.service' || true)
[ -z "$faults" ] || { echo "unit-check: $faults"; exit 1; }
exposure=$("$analyze" security --no-pager --offline=true $unit | sed -n 's/.*exposure level for validator.service: \([0-9.]*\).*/\1/p')
echo "unit-check: $("$analyze" --version | head -1): well-formed, exposure level $exposure of 10 (at most $most)"
awk -v e="$exposure" -v m="$most" 'BEGIN { exit !(e != "" && e <= m) }'
