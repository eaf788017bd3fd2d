# Sourced by the scripts here: options --pid, --seconds, --out into pid, seconds, out, and the validator to look at.
# Without --pid: the one `validator run` process of this checkout's binary that has used most CPU time.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
self=$(basename "$0" .sh)
pid= seconds=10 out=$root/artifacts/perf
while [ $# -gt 0 ]; do
    case $1 in
        --pid) pid=${2:?--pid needs a number}; shift 2 ;;
        --seconds) seconds=${2:?--seconds needs a number}; shift 2 ;;
        --out) out=${2:?--out needs a folder}; shift 2 ;;
        *) echo "$self: unknown argument '$1' (see the head of the script)" >&2; exit 2 ;;
    esac
done

busiest() {
    local process ticks best=-1 found=
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/exe" 2>/dev/null)" = "$root/artifacts/validator" ] || continue
        [ "$(tr '\0' '\n' <"$process/cmdline" 2>/dev/null | sed -n 2p)" = run ] || continue
        ticks=$(awk '{ print $14 + $15 }' "$process/stat" 2>/dev/null) || continue
        [ "$ticks" -gt "$best" ] && best=$ticks found=${process#/proc/}
    done
    echo "$found"
}

need() { command -v "$1" >/dev/null || { echo "$self: $1 is missing: apt-get install $2" >&2; exit 1; }; }

[ -n "$pid" ] || pid=$(busiest)
[ -n "$pid" ] || { echo "$self: no validator of $root/artifacts runs: start one (make run), or name it with --pid" >&2; exit 1; }
mkdir -p "$out"
