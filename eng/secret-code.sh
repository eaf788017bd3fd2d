#!/usr/bin/env bash
# make secret-code: the machine code that handles secrets, from the published binary. For each function on the list below:
# instructions, divisions and conditional branches, and why none of the branches tells a secret. Fails on any division, and where
# the number of branches is not the one that was read: then read the function again, and write down what was found.
#   eng/secret-code.sh [v3|v4]            the table          (after make publish, ISA=v4)
#   eng/secret-code.sh [v3|v4] FUNCTION   its listing, every conditional branch marked with <<<
set -euo pipefail
export LC_ALL=C

cd "$(dirname "${BASH_SOURCE[0]}")/.."
isa=v3
case ${1:-} in v3 | v4) isa=$1; shift ;; esac
binary=artifacts/validator
[ "$isa" = v4 ] && binary=artifacts/validator-v4
for file in $binary $binary.dbg; do
    [ -e $file ] || { echo "secret-code: $file is missing; make publish ISA=$isa builds it" >&2; exit 1; }
done

prefix='Validator_Crypto_Simd_Validator_Crypto_Simd_'
symbols=$(nm -S $binary.dbg | awk 'NF == 4 { print $4, $1, $2 }' | sed "s/$prefix//g")

listing() { # NAME: its instructions, one a line
    local start size
    read -r start size < <(awk -v n="$1" '$1 == n { print $2, $3; exit }' <<<"$symbols") || true
    [ -n "${start:-}" ] || return 0
    objdump -d --no-show-raw-insn -M intel --start-address=0x$start --stop-address=$((0x$start + 0x$size)) $binary |
        grep -E '^ +[0-9a-f]+:' || true
}

if [ $# -gt 0 ]; then
    listing "$1" | sed -E 's/(\tj[a-ln-z][a-z]* .*)$/\1    <<</'
    exit 0
fi

# Function, conditional branches (v3, and v4 where it differs), why they are no secret's. Words used:
#   loop    a counter against a constant, or a length
#   stack   the page-by-page probe of a large frame, the check of the frame's cookie
#   ready   whether a static table has been made; a table's bounds, by a loop's counter
#   path    which instruction set is in use
#   args    lengths and overlap of the caller's buffers
table() {
    cat <<'TABLE'
MlDsa87Signer__Sign_0|2|args, stack
MlDsa87Signer__SignMu_0|1|args
MlDsa87Signer___ctor|7|args, stack
Lattice_SignCore__SignMu|4|stack; the verdict of an attempt: FIPS 204's rejection loop
Lattice_SignCore__Commit|3|loop, stack
Lattice_SignCore__TryRespond|4|loop; the verdicts on a polynomial of z and of low parts: the rejection loop
Lattice_SignCore__TryHint|5|loop, stack; the verdicts on c t0 and on the number of hints: the rejection loop
Lattice_SignCore__Prepare|2|loop
Lattice_KeyCore__Generate|4|loop, stack
Lattice_KeyCore__PublicPart|6|loop, stack
Lattice_KeyCore__TryRecoverPublicKey|5|loop, stack; whether a key is well formed
Lattice_Sampling__ExpandMask|13,17|loop, stack
Lattice_Sampling__ExpandSecret|4|loop, stack; blocks drawn, by the number of candidates dropped
Lattice_Sampling__RejectBounded|3|loop, until 256 are kept
Lattice_KeyEncoding__PackEta|2|loop
Lattice_KeyEncoding__UnpackEta|2|loop
Lattice_KeyEncoding__PackT0|7|loop; shifts of 128 bits, by the loop's counter
Lattice_KeyEncoding__UnpackT0|7|loop; shifts of 128 bits, by the loop's counter
Lattice_KeyEncoding__Power2Round|2|loop
Lattice_Ntt__Forward|2|path
Lattice_Ntt__Inverse|2|path
Lattice_Ntt__MatrixVector|2|path
Lattice_Ntt__Pointwise|2|path
Lattice_NttAvx2__Forward|1|ready
Lattice_NttAvx2__ForwardCore|3|loop
Lattice_NttAvx2__Inverse|1|ready
Lattice_NttAvx2__InverseCore|3|loop
Lattice_NttAvx2__MatrixVector|6|loop, stack; the number of columns
Lattice_NttAvx2__Pointwise|1|loop
Lattice_PolyAvx2__Add|1|loop
Lattice_PolyAvx2__Subtract|1|loop
Lattice_PolyAvx2__Reduce|1|loop
Lattice_PolyAvx2__Reaches|1|loop
Lattice_PolyAvx2__DecomposeAndPack|1|loop
Lattice_PolyAvx2__PackZ|1|loop
Lattice_PolyAvx2__UnpackZ|1|loop
Lattice_PolyAvx2__MakeHint|5|loop over hints, which are part of the signature
Lattice_NttScalar__Forward|5|loop, ready
Lattice_NttScalar__Inverse|6|loop, ready
Lattice_NttScalar__MatrixVector|4|loop
Lattice_NttScalar__Pointwise|1|loop
Lattice_Ntt__ToLaneOrder|4|loop
Lattice_PolyScalar__Add|1|loop
Lattice_PolyScalar__Subtract|1|loop
Lattice_PolyScalar__Reduce|1|loop
Lattice_PolyScalar__Freeze|1|loop
Lattice_PolyScalar__Reaches|1|loop
Lattice_PolyScalar__DecomposeAndPack|1|loop
Lattice_PolyScalar__PackZ|1|loop
Lattice_PolyScalar__UnpackZ|1|loop
Lattice_PolyScalar__MakeHint|1|loop
Lattice_NttLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__Forward|1|ready
Lattice_NttLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__ForwardCore|3|loop
Lattice_NttLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__Inverse|1|ready
Lattice_NttLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__InverseCore|2|loop
Lattice_NttLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__MatrixVector|7|loop, stack; the number of columns
Lattice_NttLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__Pointwise|1|loop
Lattice_PolyLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__Add|1|loop
Lattice_PolyLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__Subtract|1|loop
Lattice_PolyLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__Reduce|1|loop
Lattice_PolyLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__Reaches|1|loop
Lattice_PolyLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__DecomposeAndPack|1|loop
Lattice_PolyLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__PackZ|1|loop
Lattice_PolyLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__UnpackZ|1|loop
Lattice_PolyLanes_3<Lattice_LaneOps128__Lattice_Pair_1<Int32>__Lattice_Pair_1<Int64>>__MakeHint|5|loop over hints, which are part of the signature
Hashing_KeccakScalar__Rounds|1|loop
Hashing_KeccakAvx2__Rounds|-,1|loop
Hashing_KeccakAvx2__RoundsInMemory|2,-|loop, stack
Hashing_KeccakVector_2<Hashing_Keccak128__S_P_CoreLib_System_Runtime_Intrinsics_Vector128_1<UInt64>>__Rounds|1|loop
Hashing_KeccakVector_2<Hashing_Keccak512__S_P_CoreLib_System_Runtime_Intrinsics_Vector512_1<UInt64>>__Rounds|-,1|loop
Hashing_KeccakLanes__Permute|4,6|path, ready
Hashing_KeccakLanes__PermuteEach|6|loop, stack, ready
Hashing_KeccakLanes__Absorb|4|loop
Hashing_Shake__Absorb|9|loop, ready
Hashing_Shake__Squeeze|7|loop, ready
MlKem768__KeyGen|14|args, loop, stack
MlKem768__TryEncapsulate_0|12|args, stack; whether the public key is one
MlKem768__TryDecapsulate|10|args, loop, stack; whether key and ciphertext are well formed: not whether they fit
MlKem768__IsDecapsulationKey|3|args, stack; compares hashes of the public part
MlKem768__Encrypt|4|loop, stack
MlKem768__Decrypt|6|loop, stack
Lattice_KyberPoly__Forward|6|loop, ready
Lattice_KyberPoly__Inverse|7|loop, ready
Lattice_KyberPoly__MultiplyAdd|3|loop, ready
Lattice_KyberPoly__Add|1|loop
Lattice_KyberPoly__SubtractFrom|1|loop
Lattice_KyberPoly__Encode12|1|loop
Lattice_KyberPoly__Decode12|1|loop
Lattice_KyberPoly__CompressEncode|3|loop
Lattice_KyberPoly__SampleBinomial|2|loop, stack
X25519__Ladder|1|loop
X25519__Swap|1|loop
X25519__Add|1|loop
X25519__Subtract|0|none
X25519__Product|2|loop, stack
X25519__Column|1|loop
X25519__Carry|0|none
X25519__Invert|4|loop, stack; the bits of the public exponent p - 2
X25519__Decode|4|loop, args
X25519__Encode|3|loop, args
X25519__Multiply|2|args, stack
X25519__TryAgree|2|loop
HybridKem__Expand|3|args, stack
HybridKem__TryDecapsulate|4|args, stack; whether the ephemeral key was of small order
HybridKem__Combine|1|stack
TABLE
}

failed=0
printf '%-40s %6s %4s %9s  %s\n' "$binary" instr div branches 'the branches are'
while IFS='|' read -r name expected why; do
    [ -n "$name" ] || continue
    wanted=${expected%%,*}
    [ "$isa" = v4 ] && wanted=${expected##*,}
    code=$(listing "$name")
    if [ -z "$code" ]; then
        [ "$wanted" = - ] || { echo "$name: not in the binary"; failed=1; }
        continue
    fi
    divisions=$(grep -cE '\s(i?div|v?div[ps][sd]|vsqrt|sqrt)[a-z0-9]* ' <<<"$code" || true)
    branches=$(grep -cE '\sj[a-ln-z][a-z]* ' <<<"$code" || true)
    note=
    [ "$branches" = "$wanted" ] || { note="  <- read: $wanted"; failed=1; }
    [ "$divisions" = 0 ] || { note="$note  <- division"; failed=1; }
    shown=$(sed -E 's/^(Lattice|Hashing)_//; s/_[23]<(Lattice_LaneOps|Hashing_Keccak)([0-9]+)[^>]*(>[^>]*)*>>__/<\2>./; s/__/./' <<<"$name")
    printf '%-40s %6s %4s %9s  %s%s\n' "$shown" "$(wc -l <<<"$code")" "$divisions" "$branches" "$why" "$note"
done < <(table)
[ $failed -eq 0 ] || { echo "secret-code: the code differs from what was read" >&2; exit 1; }
