#!/usr/bin/env bash
# make model: verifies ordering.pml and interleaved.pml with Spin, and shows that each planted mistake is caught.
#   run.sh [quick|full|large]     under half a minute; some minutes (default); what takes long or much memory
#   run.sh trail MISTAKE V S      prints the steps by which a mistake leads to disagreement, within V views, S sequences
# MODEL_MB bounds memory (8000), MODEL_MINUTES one search (15). Ends with 1 if anything is not as it must be: a violation,
# a mistake not caught, or an exhaustive search cut short. A bitstate search that is cut short is called partial.
set -euo pipefail
export LC_ALL=C

model=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$model/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# The system's Spin; else Debian's package into an ignored folder, without touching the system.
find_spin() {
    local tools=$root/.native/tools
    command -v spin && return
    if [ ! -x "$tools/usr/bin/spin" ]; then
        echo "model: fetching Debian's spin" >&2
        mkdir -p "$tools/debs"
        { (cd "$tools/debs" && { apt-get -qq download spin || { apt-get -qq update && apt-get -qq download spin; }; }) &&
            dpkg-deb -x "$tools"/debs/spin_*.deb "$tools"; } >"$work/apt" 2>&1 ||
            { cat "$work/apt" >&2; echo "model: Spin is missing, and Debian's package spin could not be had; install it" >&2; exit 1; }
    fi
    echo "$tools/usr/bin/spin"
}

# compile DIRECTORY MODEL V S [-DNAME...]: a verifier; names that begin with -DC_ are for the C compiler, without that mark.
compile() {
    local directory=$1 source=$2 views=$3 sequences=$4 flag here=() there=()
    shift 4
    for flag in "$@"; do
        case $flag in -DC_*) there+=("-D${flag#-DC_}") ;; *) here+=("$flag") ;; esac
    done
    mkdir -p "$directory"
    cp "$model/$source.pml" "$directory"
    (cd "$directory" && "$spin" "-DVIEWS=$views" "-DSEQS=$sequences" ${here[@]+"${here[@]}"} -a "$source.pml" &&
        gcc -O2 -w -DSAFETY "-DMEMLIM=${MODEL_MB:-8000}" ${there[@]+"${there[@]}"} -o pan pan.c) >"$directory/compile" 2>&1 ||
        { cat "$directory/compile" >&2; echo "model: $source does not compile" >&2; exit 1; }
}

# verify MODEL V S [-DNAME...]: no run leads to disagreement.
verify() {
    local directory=$work/verify log coverage=exhaustive
    case $* in *BITSTATE*) coverage=bitstate ;; esac
    rm -rf "$directory"
    compile "$directory" "$@"
    log=$directory/log
    (cd "$directory" && ./pan -n -m2000000 "-Q${MODEL_MINUTES:-15}" ${hash_bits:+-w$hash_bits} >log 2>&1) || true
    if grep -q 'Search not completed' "$log"; then
        [ $coverage = bitstate ] && coverage=partial || coverage=cut-short
    fi
    row "$1 $2 x $3 ${*:4}" "$log" "$coverage"
    if ! grep -q 'errors: 0' "$log" || [ $coverage = cut-short ] || grep -q 'max search depth too small' "$log"; then
        echo "model: FAILED: $*" >&2
        tail -25 "$log" >&2
        status=1
    fi
}

# catch MISTAKE V S: the smallest bounds in which the mistake leads to disagreement.
catch() {
    local mistake=$1 source=$2 views=$3 sequences=$4 directory=$work/$1.$2
    compile "$directory" "$source" "$views" "$sequences" "-D$mistake"
    (cd "$directory" && ./pan -n -m2000000 "-Q${MODEL_MINUTES:-15}" >log 2>&1) || true
    row "$mistake in $source $views x $sequences" "$directory/log" "caught"
    grep -q 'assertion violated' "$directory/log" || { echo "model: NOT caught: $mistake" >&2; return 1; }
}

row() { # row NAME LOG WORD
    awk -v name="$1" -v word="$3" '
        /states, stored/ { states = $1 } /transitions/ { transitions = $1 } /elapsed time/ { seconds = $4 }
        /total actual memory/ { memory = $1 }
        END { printf "%-44s %-10s %12d states %13d transitions %8.1f s %6d MB\n", name, word, states, transitions, seconds, memory }' "$2"
}

mistakes() {
    local pids=() pid list
    read -r -d '' list <<'LIST' || true
QUORUM_LOW ordering 1 1
LEADER_TWICE ordering 1 2
NO_PARENT_RULE ordering 1 2
LATE_COMMIT ordering 2 1
VOTE_BELOW ordering 2 1
NOT_DURABLE ordering 2 1
SUM_VIEWS ordering 2 1
WRONG_HIGHEST ordering 2 2
JUMP_ANY_VIEW ordering 2 2
TWO_NEWVIEWS ordering 2 2
BASE_BY_SEQUENCE ordering 3 1
JUMP_BACK ordering 2 3
FAST_QUORUM ordering 2 1
NO_LISTS ordering 2 1
LIST_LOST ordering 2 1
LIST_WINS ordering 2 1
LIAR_ALONE ordering 2 1
EXTENDS_LATER ordering 2 1
APART_SAME_VIEW ordering 2 1
TOP_ALONE ordering 2 2
FIRST_LIST ordering 3 1
EQUAL_VIEWS ordering 3 1
CERTIFICATE_WINS ordering 3 1
VIEW_FIRST ordering 3 2
NO_LISTS interleaved 2 1
LATE_COMMIT interleaved 2 1
VOTE_BELOW interleaved 2 1
LIST
    while read -r line; do
        # shellcheck disable=SC2086
        catch $line & pids+=($!)
        if [ ${#pids[@]} -eq 2 ]; then
            for pid in "${pids[@]}"; do wait "$pid" || status=1; done
            pids=()
        fi
    done <<<"$list"
    for pid in ${pids[@]+"${pids[@]}"}; do wait "$pid" || status=1; done
}

spin=$(find_spin)
case ${1:-full} in
    quick)
        verify ordering 3 2
        verify interleaved 2 1 -DC_COLLAPSE
        mistakes ;;
    full)
        verify ordering 3 2
        verify ordering 2 3
        verify ordering 4 1
        verify ordering 2 2 -DKIDS=3
        verify interleaved 2 1 -DC_COLLAPSE
        verify interleaved 1 2 -DC_COLLAPSE
        mistakes ;;
    large)
        hash_bits=28 verify ordering 4 2 -DC_HC4
        hash_bits=28 verify interleaved 3 1 -DC_COLLAPSE
        hash_bits=34 verify interleaved 2 2 -DC_BITSTATE
        hash_bits=34 verify ordering 3 3 -DC_BITSTATE
        hash_bits=34 verify ordering 4 3 -DC_BITSTATE ;;
    trail)
        compile "$work/trail" ordering "$3" "$4" "-D$2"
        cd "$work/trail"
        ./pan -n -m2000000 >log 2>&1 || true
        [ -e ordering.pml.trail ] || { echo "model: $2 does nothing within $3 views and $4 sequences" >&2; exit 1; }
        "$spin" "-DVIEWS=$3" "-DSEQS=$4" "-D$2" -t -p -g ordering.pml | grep -E 'word|claim|top|last|prepared|committed|final|view|permitted' | sed 's/^ *[0-9]*:\t//' || true ;;
    *)
        sed -n '2,6p' "${BASH_SOURCE[0]}" >&2
        exit 2 ;;
esac
exit $status
