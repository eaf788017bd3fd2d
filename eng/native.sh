#!/usr/bin/env bash
# Obtains the native parts (RocksDB, OpenSSL >= 3.5, ngtcp2 >= 1.24 with its OpenSSL glue, c-ares >= 1.34) into .native/ and builds
#   .native/sdk/            headers and archives for the static link, with our own objects (validator_shim.o)
#   .native/lib/            libvalidator_native.so and what it needs, for the JIT (tests, benchmarks)
# Parts come from the system where it has them, else from Debian's suites, without touching the system. Run again it
# compares two hashes and ends.  eng/native.sh [--arch arm64] [--update-lock]   VALIDATOR_DEBIAN_MIRROR=URL names a mirror by hand.
# For another architecture than this machine's, all parts are Debian's and only sdk/ is made, in .native/ARCH/.
set -euo pipefail
export LC_ALL=C

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
native=$root/.native
lock=$root/eng/native.lock
arch=amd64 multiarch=x86_64-linux-gnu cross= update_lock=0
while [ $# -gt 0 ]; do
    case $1 in
        --update-lock) update_lock=1 ;;
        --arch) shift
            case ${1:-} in
                amd64) ;;
                arm64) arch=arm64 multiarch=aarch64-linux-gnu cross=aarch64-linux-gnu- native=$root/.native/arm64 lock=$root/eng/native.arm64.lock ;;
                *) echo "native: error: unknown architecture '${1:-}': amd64 or arm64" >&2; exit 2 ;;
            esac ;;
        *) echo "native: error: unknown argument '$1'" >&2; exit 2 ;;
    esac
    shift
done
sdk=$native/sdk

say() { printf 'native: %s\n' "$*" >&2; }
die() { printf 'native: error: %s\n' "$*" >&2; exit 1; }

# ---------------------------------------------------------------- tools

need_tools() {
    local missing=() entry command package
    for entry in gcc:gcc g++:g++ ld:binutils cmake:cmake perl:perl file:file dpkg-deb:dpkg; do
        command=${entry%%:*} package=${entry#*:}
        command -v "$command" >/dev/null || missing+=("$package")
    done
    [ -e "/usr/include/zlib.h" ] || missing+=(zlib1g-dev)
    if [ -n "$cross" ]; then
        command -v ${cross}gcc >/dev/null || missing+=(gcc-aarch64-linux-gnu)
        command -v ${cross}g++ >/dev/null || missing+=(g++-aarch64-linux-gnu)
        [ -e /usr/aarch64-linux-gnu/lib/libc.a ] || missing+=(libc6-dev-arm64-cross)
    fi
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        say "installing ${missing[*]}"
        { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"; } \
            >"$native/tools.log" 2>&1 || { tail -20 "$native/tools.log" >&2; die "could not install ${missing[*]} (log above)"; }
    else
        die "missing: ${missing[*]}. Install them (as root: apt-get install ${missing[*]}) and run this again."
    fi
}

# ---------------------------------------------------------------- parts from the system

# The part is taken from the system only as a whole: archives and headers of one origin.
system_has() {
    local lib=/usr/lib/$multiarch include=/usr/include name
    case $1 in
        rocksdb)
            for name in rocksdb snappy lz4 bz2 gflags zstd z; do [ -e $lib/lib$name.a ] && [ -e $lib/lib$name.so ] || return 1; done
            [ -e $include/rocksdb/c.h ] ;;
        openssl)
            [ -e $lib/libcrypto.a ] && [ -e $lib/libssl.a ] && [ -e $include/openssl/opensslv.h ] &&
                printf '#include <openssl/opensslv.h>\n#if OPENSSL_VERSION_NUMBER < 0x30500000L\n#error old\n#endif\n' |
                gcc -fsyntax-only -x c - 2>/dev/null ;;
        ngtcp2)
            [ -e $lib/libngtcp2.a ] && [ -e $lib/libngtcp2_crypto_ossl.a ] && [ -e $include/ngtcp2/ngtcp2_crypto_ossl.h ] &&
                printf '#include <ngtcp2/version.h>\n#if NGTCP2_VERSION_NUM < 0x011800\n#error old\n#endif\n' |
                gcc -fsyntax-only -x c - 2>/dev/null ;;
        cares)
            [ -e $lib/libcares.a ] && [ -e $include/ares.h ] &&
                printf '#include <ares_version.h>\n#if ARES_VERSION < 0x012200\n#error old\n#endif\n' |
                gcc -fsyntax-only -x c - 2>/dev/null ;;
    esac
}

# ---------------------------------------------------------------- parts from Debian's suites

# The mirror the system itself uses for Debian proper, so that nothing else need be reachable.
find_mirror() {
    if [ -n "${VALIDATOR_DEBIAN_MIRROR:-}" ]; then echo "${VALIDATOR_DEBIAN_MIRROR%/}"; return; fi
    apt-get --print-uris update 2>/dev/null |
        perl -ne 'if (m{^\x27(\S+?)/dists/(?:bookworm|trixie|forky|sid|stable|testing|unstable)/InRelease\x27}) { print "$1\n"; exit }'
}

# An apt configuration of our own: state, cache and sources in .native/, of the system's only how it reaches the network.
private_apt() {
    local mirror keyring apt=$native/apt suite
    mirror=$(find_mirror)
    [ -n "$mirror" ] || die "no Debian mirror in this system's apt sources; set VALIDATOR_DEBIAN_MIRROR=URL"
    for keyring in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp ''; do
        [ -z "$keyring" ] && die "no Debian archive keyring: install debian-archive-keyring"
        [ -e "$keyring" ] && break
    done
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
    : >"$apt/status"
    for suite in $(awk '!/^#/ && NF { print $3 }' "$lock" | sort -u); do
        echo "deb [arch=$arch signed-by=$keyring] $mirror $suite main"
    done >"$apt/sources.list"
    {
        apt-config dump Acquire 2>/dev/null | grep -vE '^Acquire(::IndexTargets.*|::Languages.*)? '
        cat <<CONF
Acquire::Languages "none";
APT::Architecture "$arch";
APT::Architectures "$arch";
APT::Get::List-Cleanup "false";
APT::Update::Error-Mode "any";
APT::Sandbox::User "$(id -un)";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::parts "$apt/parts";
Dir::Etc::main "/dev/null";
CONF
    } >"$apt/apt.conf"
    export APT_CONFIG=$apt/apt.conf
    say "reading package lists"
    apt-get -qq update >"$apt/update.log" 2>&1 || { cat "$apt/update.log" >&2; die "could not read the package lists from the Debian mirror"; }
}

# fetch PACKAGE SUITE VERSION SHA256: the locked version where the suite still has it, else the suite's own.
fetch() {
    local package=$1 suite=$2 version=$3 sha=$4 deb=$native/debs/$1.deb got spec temp
    if [ -e "$deb" ]; then
        got=$(sha256sum "$deb" | cut -d' ' -f1)
        { [ "$got" = "$sha" ] || grep -qs "^$package $got\$" "$native/debs/accepted"; } && [ $update_lock -eq 0 ] && return
    fi
    [ -n "${APT_CONFIG:-}" ] || private_apt
    spec=$package/$suite
    [ $update_lock -eq 0 ] && apt-cache madison "$package" | grep -qF " $version " && spec=$package=$version
    temp=$(mktemp -d "$native/debs/get.XXXXXX")
    (cd "$temp" && apt-get -qq download "$spec" >log 2>&1) ||
        { cat "$temp/log" >&2; die "$package is not to be had from Debian's $suite (tried: $spec)"; }
    mv "$temp"/*.deb "$deb"
    rm -rf "$temp"
    got=$(sha256sum "$deb" | cut -d' ' -f1)
    local got_version
    got_version=$(dpkg-deb -f "$deb" Version)
    if [ "$got_version" = "$version" ]; then
        [ "$got" = "$sha" ] || [ $update_lock -eq 1 ] || die "$package $version: SHA-256 $got, ${lock##*/} says $sha"
    elif [ $update_lock -eq 0 ]; then
        say "$package: $suite now has $got_version, tried was $version; the ABI check decides"
        echo "$package $got" >>"$native/debs/accepted"
    fi
}

obtain() {
    local part package suite version sha new=$native/lock.new
    rm -rf "$sdk" "$native/lib" "$native/root" "$native/licenses"
    mkdir -p "$sdk/include" "$sdk/lib" "$native/lib" "$native/root" "$native/licenses" "$native/debs"
    : >"$native/origin"
    for part in rocksdb openssl ngtcp2 cares; do
        if [ -z "$cross" ] && [ $update_lock -eq 0 ] && [ "${VALIDATOR_NATIVE_FROM:-system}" != debian ] && system_has $part; then
            say "$part: from the system"
            echo "$part system" >>"$native/origin"
            take $part /
            continue
        fi
        say "$part: from Debian's packages"
        while read -r _ package suite version sha; do
            fetch "$package" "$suite" "$version" "$sha"
            dpkg-deb -x "$native/debs/$package.deb" "$native/root"
            echo "$part $package $suite $(dpkg-deb -f "$native/debs/$package.deb" Version)" >>"$native/origin"
        done < <(awk -v p="$part" '$1 == p' "$lock")
        take $part "$native/root/"
    done
    if [ $update_lock -eq 1 ]; then
        grep '^#' "$lock" >"$new"
        while read -r part package suite _; do
            echo "$part $package $suite $(dpkg-deb -f "$native/debs/$package.deb" Version) $(sha256sum "$native/debs/$package.deb" | cut -d' ' -f1)"
        done < <(grep -vE '^(#|$)' "$lock") >>"$new"
        cat "$new" >"$lock"
        rm "$new"
    fi
    rm -rf "$native/root"
}

# take PART PREFIX: copies archives, headers and (for the JIT) shared libraries from the tree under PREFIX.
take() {
    local part=$1 prefix=$2 name dir so
    local archives=() shared=()
    case $part in
        rocksdb) archives=(rocksdb snappy lz4 bz2 gflags zstd z) shared=("${archives[@]}")
            cp -rL "${prefix}usr/include/rocksdb" "$sdk/include/" ;;
        openssl) archives=(crypto ssl)
            cp -rL "${prefix}usr/include/openssl" "$sdk/include/"
            cp -rL "${prefix}usr/include/$multiarch/openssl/." "$sdk/include/openssl/" 2>/dev/null || true ;;
        ngtcp2) archives=(ngtcp2 ngtcp2_crypto_ossl)
            cp -rL "${prefix}usr/include/ngtcp2" "$sdk/include/" ;;
        cares) archives=(cares)
            cp -L "${prefix}"usr/include/ares*.h "$sdk/include/"
            cp -L "${prefix}usr/include/$multiarch/"ares*.h "$sdk/include/" 2>/dev/null || true ;;
    esac
    # Every package's licence travels with the binary (eng/publish.sh).
    while read -r name; do
        if [ -e "${prefix}usr/share/doc/$name/copyright" ]; then cp -L "${prefix}usr/share/doc/$name/copyright" "$native/licenses/$name.txt"; fi
    done < <(awk -v p="$part" '$1 == p { print $2 }' "$lock")
    for name in ${archives[@]+"${archives[@]}"}; do cp -L "${prefix}usr/lib/$multiarch/lib$name.a" "$sdk/lib/"; done
    [ -z "$cross" ] || return 0
    for name in ${shared[@]+"${shared[@]}"}; do
        so=
        for dir in "${prefix}usr/lib/$multiarch" "${prefix}lib/$multiarch"; do
            so=$(find "$dir" -maxdepth 1 -name "lib$name.so.*" -type f 2>/dev/null | head -1)
            [ -n "$so" ] && break
        done
        [ -n "$so" ] || die "$part: no shared lib$name under ${prefix}"
        cp -L "$so" "$native/lib/$(objdump -p "$so" | awk '/SONAME/ { print $2 }')"
    done
}

# ---------------------------------------------------------------- our own C, and the library for the JIT

# Every name imported by [LibraryImport("validator_native")] in the sources, one a line.
imports() {
    { find "$root" -name '*.cs' -not -path '*/obj/*' -not -path '*/bin/*' -not -path '*/artifacts/*' -not -path '*/.native/*' \
        -exec grep -l LibraryImport {} + 2>/dev/null || true; } | xargs -r perl "$root/eng/imports.pl" | sort -u
}

build() {
    local obj=$native/obj source flags=(-std=gnu11 -O2 -g1 -Wall -Wextra -Werror -fno-strict-aliasing -D_GNU_SOURCE "-I$sdk/include" "-I$root/eng/native" "-ffile-prefix-map=$root=.")
    ${cross}gcc "${flags[@]}" -fsyntax-only "$root/eng/native/abi_check.c" ||
        die "the native headers do not match what the P/Invoke layer expects (eng/native/abi_check.c); versions: $(tr '\n' ';' <"$native/origin")"
    rm -rf "$obj" "$native/lib/libvalidator_native.so" "$sdk/lib/validator_shim.o"
    mkdir -p "$obj/static" "$obj/shared"
    for source in "$root"/eng/native/*.c; do
        case $source in */abi_check.c) continue ;; esac
        ${cross}gcc "${flags[@]}" -fPIE -c "$source" -o "$obj/static/$(basename "$source" .c).o"
        [ -n "$cross" ] || gcc "${flags[@]}" -fPIC -DVALIDATOR_SHARED -c "$source" -o "$obj/shared/$(basename "$source" .c).o"
    done
    ${cross}ld -r -o "$sdk/lib/validator_shim.o" "$obj"/static/*.o
    # For probes of the runtime's build, which link OpenSSL's archives without the shim (eng/publish.sh).
    rm -f "$sdk/lib/libisoc23.a"
    ${cross}ar rcs "$sdk/lib/libisoc23.a" "$obj/static/isoc23.o"
    [ -z "$cross" ] || return 0
    # The tests' attacker: our own shim turned against itself.
    gcc "${flags[@]}" -o "$native/lib/quic-attack" "$root/eng/native/attack/quic_attack.c" "$obj"/static/quic_*.o "$obj/static/mldsa_ossl.o" "$obj/static/platform.o" "$obj/static/isoc23.o" -Wl,--wrap=OPENSSL_init_crypto \
        "$sdk/lib/libngtcp2_crypto_ossl.a" "$sdk/lib/libngtcp2.a" "$sdk/lib/libssl.a" "$sdk/lib/libcrypto.a" "$native"/lib/libzstd.so.* "$native"/lib/libz.so.* -Wl,-rpath,"$native/lib" -lm -lpthread -ldl ||
        die "quic-attack does not link"

    local names=$native/imports.txt script=$native/exports.map required=()
    mapfile -t required < <(sed 's/^/-Wl,--require-defined=/' "$names")
    { echo '{'; [ -s "$names" ] && { echo '  global:'; sed 's/.*/    &;/' "$names"; }; echo '  local: *;'; echo '};'; } >"$script"
    # RPATH, not RUNPATH: it also serves librocksdb's own needs. libngtcp2.a is PIE, not PIC: it reads stderr directly,
    # so the name is bound to a variable of ours; -Bsymbolic keeps our OpenSSL apart from the runtime's.
    gcc -shared -o "$native/lib/libvalidator_native.so.tmp" "$obj"/shared/*.o \
        -Wl,--version-script="$script" -Wl,-Bsymbolic -Wl,--disable-new-dtags,-rpath,'$ORIGIN' -Wl,-z,defs -Wl,--gc-sections \
        -Wl,--wrap=OPENSSL_init_crypto -Wl,--defsym=stderr=validator_stderr ${required[@]+"${required[@]}"} \
        -Wl,--no-as-needed "$native"/lib/librocksdb.so.* -Wl,--as-needed \
        "$sdk/lib/libngtcp2_crypto_ossl.a" "$sdk/lib/libngtcp2.a" "$sdk/lib/libssl.a" "$sdk/lib/libcrypto.a" "$sdk/lib/libcares.a" \
        "$native"/lib/libzstd.so.* "$native"/lib/libz.so.* -Wl,-rpath-link,"$native/lib" -lm -lpthread -ldl ||
        die "libvalidator_native.so: a name imported in C# is in no native part (see the linker's message)"
    mv "$native/lib/libvalidator_native.so.tmp" "$native/lib/libvalidator_native.so"
}

# ---------------------------------------------------------------- main

[ "$(uname -m)" = x86_64 ] || die "x86-64 only: the native parts and the SIMD code are written for it"
mkdir -p "$native"
exec 9>"$native/.lock"
flock 9

parts_key=$(cat "$root/eng/native.sh" "$lock" | sha256sum)
imports >"$native/imports.new"
build_key=$( { echo "$parts_key"; cat "$root"/eng/native/*.[ch] "$root"/eng/native/attack/*.c "$native/imports.new"; ls "$root"/eng/native; } | sha256sum)
if [ $update_lock -eq 0 ] && [ -e "$sdk/lib/validator_shim.o" ] && { [ -n "$cross" ] || [ -e "$native/lib/libvalidator_native.so" ]; } && [ "$(cat "$native/stamp" 2>/dev/null)" = "$build_key" ]; then
    exit 0
fi
need_tools
mv "$native/imports.new" "$native/imports.txt"
if [ $update_lock -eq 1 ] || [ "$(cat "$native/stamp.parts" 2>/dev/null)" != "$parts_key" ]; then
    rm -f "$native/stamp" "$native/stamp.parts"
    obtain
    cat "$root/eng/native.sh" "$lock" | sha256sum >"$native/stamp.parts"
fi
build
[ $update_lock -eq 1 ] && exit 0
echo "$build_key" >"$native/stamp"
say "ready: $(wc -l <"$native/imports.txt") imported names"
