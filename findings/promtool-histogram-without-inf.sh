#!/usr/bin/env bash
# promtool 2.42.0 (Debian 12's prometheus, 2.42.0+ds-5): `promtool check metrics` says nothing of a histogram whose page breaks what the
# exposition format asks of every histogram: a bucket le="+Inf", bucket counts that never fall with le, and _count equal to the last
# bucket. Each page below ends with exit code 0 and no line, while a missing HELP is told of, with exit code 3. So passing promtool does
# not show that quantiles can be computed from a page. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
version=2.42.0+ds-5+deb12u1
chmod 0755 . && apt-get -qq download "prometheus=$version" >/dev/null 2>&1 || { echo "prometheus $version is not to be had here" >&2; exit 2; }
dpkg -x prometheus_*.deb root
promtool=root/usr/bin/promtool
"$promtool" --version 2>&1 | head -1

changed=0
check() { # WHAT EXPECTED-CODE PAGE
    local output code=0
    output=$(printf '%b' "$3" | "$promtool" check metrics 2>&1) || code=$?
    echo "$1: exit code $code, output '${output}'"
    [ "$code" = "$2" ] || changed=1
}
head='# HELP finality_seconds Time to finality.\n# TYPE finality_seconds histogram\n'
check "no bucket le=+Inf" 0 "${head}finality_seconds_bucket{le=\"0.1\"} 3\nfinality_seconds_bucket{le=\"1\"} 5\nfinality_seconds_sum 2.5\nfinality_seconds_count 7\n"
check "a bucket below the one before" 0 "${head}finality_seconds_bucket{le=\"0.1\"} 3\nfinality_seconds_bucket{le=\"1\"} 2\nfinality_seconds_bucket{le=\"+Inf\"} 7\nfinality_seconds_sum 2.5\nfinality_seconds_count 7\n"
check "_count other than the last bucket" 0 "${head}finality_seconds_bucket{le=\"1\"} 5\nfinality_seconds_bucket{le=\"+Inf\"} 7\nfinality_seconds_sum 2.5\nfinality_seconds_count 9\n"
check "for comparison, no HELP" 3 "# TYPE finality_seconds gauge\nfinality_seconds 1\n"
exit $changed
