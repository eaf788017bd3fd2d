#!/usr/bin/env bash
# make publish: the static binary and its symbols, .dbg. eng/publish.sh [v3|v4|arm64]  ->  artifacts/validator[-v4|-arm64]
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
target=${1:-v3}
native=.native
case $target in
    v3) name=validator what=x86-64-v3 ;;
    v4) name=validator-v4 what=x86-64-v4 ;;
    arm64) name=validator-arm64 what=AArch64 native=.native/arm64
        bash eng/native.sh --arch arm64
        # For the runtime's own cryptography, which cmake builds.
        export CMAKE_EXTRA_ARGS="-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DOPENSSL_ROOT_DIR=$root/artifacts/obj/openssl-arm64" ;;
    *) echo "publish: unknown target '$target': v3 (AVX2), v4 (AVX-512) or arm64" >&2; exit 2 ;;
esac

echo "publish: $what"

# cmake finds the OpenSSL for the runtime's own cryptography here. It asks what OpenSSL can do by linking libcrypto before libssl, and without
# what they need in turn: against bare archives each probe fails in silence, and ALPN, ChaCha20, SHA-3 and ML-DSA are left out.
lib=$root/$native/sdk/lib
ssl=$root/artifacts/obj/openssl-$target
mkdir -p "$ssl/lib"
ln -sfn "$root/$native/sdk/include" "$ssl/include"
ln -sfn "$lib/libssl.a" "$ssl/lib/libssl.a"
group="GROUP ( \"$lib/libssl.a\" \"$lib/libcrypto.a\" \"$lib/libzstd.a\" \"$lib/libz.a\" \"$lib/libisoc23.a\" )"
[ "$(cat "$ssl/lib/libcrypto.a" 2>/dev/null)" = "$group" ] || echo "$group" >"$ssl/lib/libcrypto.a"
export OPENSSL_ROOT_DIR=$ssl
# Debug information names sources by where they are in the tree, so that the same bytes come of any folder (make reproduce).
export CFLAGS="-ffile-prefix-map=$root=/validator" CXXFLAGS="-ffile-prefix-map=$root=/validator"
# It refuses a cache of sources elsewhere (the package folder was another one at the last publish), and keeps what it found once.
mkdir -p "artifacts/obj/$target"
find "artifacts/obj/$target" -name CMakeCache.txt | while read -r cache; do
    { grep -q "^CMAKE_HOME_DIRECTORY:INTERNAL=${NUGET_PACKAGES:-$HOME/.nuget/packages}/" "$cache" &&
        grep -q "^OPENSSL_CRYPTO_LIBRARY:FILEPATH=$ssl/" "$cache" && [ "$cache" -nt "$ssl/lib/libcrypto.a" ] &&
        [ "$cache" -nt $native/stamp ]; } || rm -rf "$(dirname "$cache")"
done
out=artifacts/publish/$target
# The names of glibc functions that want shared libraries are warnings of the linker's, and known.
dotnet publish Validator.Host/Validator.Host.csproj -c Release -o "$out" -v:q -clp:"ErrorsOnly;NoSummary" \
    -p:ValidatorPublish=true -p:ValidatorTarget="$target"

if readelf -lW "$out/validator" | grep -q INTERP || [ -n "$(readelf -dW "$out/validator" | grep NEEDED)" ]; then
    echo "publish: error: the binary is not static" >&2
    exit 1
fi
# What the runtime's build did not find in OpenSSL, the binary has not.
lacking=$(find "artifacts/obj/$target" -name pal_crypto_config.h -exec grep -h '^#define HAVE_OPENSSL_[A-Z0-9_]* 0' {} + || true)
if [ -n "$lacking" ]; then
    printf 'publish: error: the runtime was built without parts of OpenSSL:\n%s\n' "$lacking" >&2
    exit 1
fi
# -lssl that finds the system's older OpenSSL first would link in silence.
version=$(sed -n 's/^# *define OPENSSL_VERSION_TEXT "\(.*\)"/\1/p' $native/sdk/include/openssl/opensslv.h)
if LC_ALL=C grep -qaE 'OpenSSL [0-9]+\.[0-9]+\.[0-9]+ [0-9]+ [A-Z]' "$out/validator" && ! LC_ALL=C grep -qaF "$version" "$out/validator"; then
    echo "publish: error: the binary holds another OpenSSL than $version" >&2
    exit 1
fi
# A static binary that loads the host's NSS modules ends where they are another glibc's (eng/native/nss.c).
if nss=$(readelf -sW "$out/validator.dbg" | awk '$4 == "FUNC" && $8 ~ /^(__nss_module_load|__nss_module_get_function|__nss_database_get|getaddrinfo|gethostbyname|getpwuid_r)$/ { print $8 }') && [ -n "$nss" ]; then
    echo "publish: error: the binary would load NSS modules:" $nss >&2
    exit 1
fi
# A new file, moved into place: a validator that is running keeps the old one.
for suffix in '' .dbg; do
    cp "$out/validator$suffix" "artifacts/$name$suffix.new"
    mv -f "artifacts/$name$suffix.new" "artifacts/$name$suffix"
done
# What a copy of the binary must bring with it (docs/THIRD-PARTY.md).
rm -rf artifacts/licenses
cp -r $native/licenses artifacts/licenses
cp docs/THIRD-PARTY.md LICENSE artifacts/licenses/
echo "publish: artifacts/$name, $(stat -c %s artifacts/$name) bytes; $(file -b artifacts/$name | grep -oE 'static-pie linked|statically linked')"
