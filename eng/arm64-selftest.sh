#!/usr/bin/env bash
# make selftest-arm64: the cryptography's self-test as AArch64 machine code, NEON kernels and all, under qemu-user. Emulated: it
# shows that the instructions the compiler chose compute the right bytes, not how fast, nor what a real processor's memory does.
#
# No registry we reach has the .NET runtime or the ahead-of-time libraries for AArch64. The ahead-of-time compiler for x86-64 (of
# which `make publish` restores a package) generates AArch64 code all the same, from the core library for x86-64 once that no
# longer asks for instructions (eng/arm64/tool/corelib.cs); a page of C stands in for the runtime (eng/arm64/runtime.c).
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$root/.native/arm64
cross=aarch64-linux-gnu
die() { echo "arm64-selftest: $*" >&2; exit 1; }

packages=(qemu-user-static gcc-$cross libc6-dev-arm64-cross)
have() { command -v qemu-aarch64-static >/dev/null && command -v $cross-gcc >/dev/null && [ -e /usr/$cross/lib/libc.a ]; }
if ! have; then
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || die "missing: ${packages[*]}. Install them (as root: apt-get install ${packages[*]})."
    echo "arm64-selftest: installing ${packages[*]}"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${packages[@]}"; } >/dev/null 2>&1 || true
    have || die "could not install ${packages[*]}"
fi

ilc=$(find "${NUGET_PACKAGES:-$HOME/.nuget/packages}/runtime.linux-x64.microsoft.dotnet.ilcompiler" -mindepth 1 -maxdepth 1 -name '9.0.*' 2>/dev/null | sort -V | tail -1)
[ -n "$ilc" ] || die "the package runtime.linux-x64.Microsoft.DotNet.ILCompiler 9.0 is not restored; make publish FRAMEWORK=net9.0 does that"
[ -e "$ilc/tools/libclrjit_universal_arm64_x64.so" ] || die "$(basename "$ilc") of the ahead-of-time compiler generates no AArch64 code"

mkdir -p "$out/sdk"
cp "$ilc"/sdk/*.dll "$out/sdk/"
dotnet run --file "$root/eng/arm64/tool/corelib.cs" -- "$ilc/sdk/System.Private.CoreLib.dll" "$out/sdk/System.Private.CoreLib.dll"
dotnet build "$root/eng/arm64/Validator.Arm64.csproj" -c Release -v:q -clp:NoSummary -o "$out/il" -p:BaseIntermediateOutputPath="$out/obj/"
# The library's own list of what to leave out names methods that the copy calls otherwise, which makes warnings.
"$ilc/tools/ilc" "$out/il/Validator.Arm64.dll" "-r:$out/sdk/*.dll" "-r:$ilc/framework/*.dll" --targetos:linux --targetarch:arm64 -O \
    "-o:$out/validator.o" --nativelib --generateunmanagedentrypoints:Validator.Arm64 --directpinvoke:libSystem.Native --directpinvoke:validator_native \
    >"$out/ilc.log" 2>&1 || { cat "$out/ilc.log" >&2; die "the ahead-of-time compiler failed"; }

# What the compiled code names and runtime.c does not define ends the program, should it be called.
cd "$out"
$cross-gcc -O1 -Wall -Wextra -Werror -c "$root/eng/arm64/runtime.c" -o runtime.o
$cross-nm --defined-only runtime.o | awk '{ print $3 }' | sort -u >defined
$cross-nm -u validator.o | awk '{ print $2 }' | sort -u | comm -23 - defined | grep -E '^(Rh|SystemNative_|EventPipe|NativeRuntimeEventSource_)' >absent
{ echo '_Noreturn void missing(const char *);'; sed 's/.*/void &(void) { missing("&"); }/' absent; } >absent.c
$cross-gcc -O1 -fno-builtin -c absent.c -o absent.o
$cross-gcc -static -Wl,--no-eh-frame-hdr -o selftest runtime.o absent.o validator.o -lm

[ "$($cross-objdump -d -j __managedcode validator.o | grep -cE '\s(smull2|uzp2|zip1)\s')" -gt 0 ] || die "the kernels were compiled without NEON's products"
file -b selftest | grep -q aarch64 || die "not AArch64 code"
qemu-aarch64-static ./selftest
