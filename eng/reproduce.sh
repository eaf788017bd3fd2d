#!/usr/bin/env bash
# make reproduce: builds HEAD twice, each time from nothing in a folder of its own, with another umask, time zone and locale, and compares
# binary, symbols, package and SBOM byte for byte. Takes two builds' time, and leaves both in artifacts/reproduce.
#   eng/reproduce.sh [first|second|compare]: one step of it
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/artifacts/reproduce
first=$work/a second=$work/another-folder-with-a-longer-name

build() {
    local folder=$1
    rm -rf "$folder"
    mkdir -p "$work"
    git -c advice.detachedHead=false clone -q --no-hardlinks "$root" "$folder"
    git -C "$folder" -c advice.detachedHead=false checkout -q "$(git -C "$root" rev-parse HEAD)"
    # Debian's packages need not be downloaded again: the lock has their sums.
    if [ -d "$root/.native/debs" ]; then
        mkdir -p "$folder/.native"
        cp -r "$root/.native/debs" "$folder/.native/"
    fi
    # NuGet's build tasks look for git in the folder; nothing else of this tree is used.
    (cd "$folder" && unset SOURCE_DATE_EPOCH && make -s deb)
}

case ${1:-all} in
    first) (umask 0022 && TZ=UTC LC_ALL=C build "$first") ; exit ;;
    second) (umask 0027 && TZ=Pacific/Auckland LC_ALL=C.UTF-8 build "$second") ; exit ;;
    all) bash "${BASH_SOURCE[0]}" first && bash "${BASH_SOURCE[0]}" second ;;
    compare) ;;
    *) echo "reproduce: unknown step '$1': first, second or compare" >&2; exit 2 ;;
esac

differs=0
shopt -s nullglob
for path in "$first"/artifacts/validator "$first"/artifacts/validator.dbg "$first"/artifacts/validator_*; do
    name=$(basename "$path")
    if cmp -s "$path" "$second/artifacts/$name"; then
        echo "reproduce: equal  $(sha256sum "$path" | cut -c1-64)  $name"
    else
        echo "reproduce: differs  $name: $(cmp -l "$path" "$second/artifacts/$name" 2>/dev/null | wc -l) bytes" >&2
        differs=1
    fi
done
[ -e "$first/artifacts/validator" ] || { echo "reproduce: error: $first has no build" >&2; exit 1; }
exit $differs
