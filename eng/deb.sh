#!/usr/bin/env bash
# `make deb`: artifacts/validator_VERSION_ARCH.deb of artifacts/validator or validator-arm64, with the systemd unit; beside it its SBOM
# (.cdx.json, CycloneDX) and SHA-256 sums (.sha256). One commit gives the same bytes everywhere (make reproduce). Needs dpkg-deb, perl,
# and qemu-user-static where the binary is another processor's, which is asked for its version.  eng/deb.sh [amd64|arm64]
set -euo pipefail
cd "$(dirname "$0")/.."
arch=${1:-amd64} run=()
case $arch in
    amd64) binary=artifacts/validator licenses=.native/licenses ;;
    arm64) binary=artifacts/validator-arm64 licenses=.native/arm64/licenses
        [ "$(uname -m)" = aarch64 ] || run=(qemu-aarch64-static) ;;
    *) echo "deb: unknown architecture '$arch': amd64 or arm64" >&2; exit 2 ;;
esac
[ ${#run[@]} -eq 0 ] || command -v "${run[0]}" >/dev/null || { echo "deb: ${run[0]} is missing (Debian: qemu-user-static)" >&2; exit 1; }
[ -x "$binary" ] || { echo "deb: $binary is missing; make publish ARCH=$arch builds it" >&2; exit 1; }
command -v dpkg-deb >/dev/null || { echo "deb: dpkg-deb is missing" >&2; exit 1; }
version=$("${run[@]}" "$binary" --version)
commit=$("${run[@]}" "$binary" version | awk '$1 == "commit" { print substr($2, 1, 12) }')
# All that has a time has the commit's.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
umask 0022
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 0755 "$tree"
install -D -m 0755 "$binary" "$tree/usr/bin/validator"
install -D -m 0644 deploy/validator.service "$tree/lib/systemd/system/validator.service"
install -d -m 0755 "$tree/etc/validator" "$tree/usr/share/doc/validator"
install -m 0644 README.md CHANGELOG.md docs/OPERATIONS.md docs/DEPLOYMENT.md docs/API.md docs/METRICS.md docs/BACKUP.md docs/TRUST.md docs/NETWORK.md docs/THREATS.md SECURITY.md "$tree/usr/share/doc/validator/"
install -D -m 0644 -t "$tree/usr/share/doc/validator/runbooks" docs/runbooks/*.md
install -m 0644 deploy/prometheus/alerts.yml "$tree/usr/share/doc/validator/"
install -m 0644 LICENSE "$tree/usr/share/doc/validator/copyright"
cp -r "$licenses" "$tree/usr/share/doc/validator/licenses"
chmod -R u+rwX,go+rX,go-w "$tree/usr/share/doc"
install -d -m 0755 "$tree/DEBIAN"
install -m 0755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$tree/DEBIAN/"
cat >"$tree/DEBIAN/control" <<END
Package: validator
Version: $version${commit:+~git$commit}
Architecture: $arch
Maintainer: Validator contributors <validator@localhost>
Depends: passwd
Section: net
Priority: optional
Installed-Size: $(find "$tree" -type f -printf '%s\n' | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
Description: Byzantine-fault-tolerant validator
 Clients submit transactions to any validator; the committee agrees on one order and streams it back, final. One static
 binary, post-quantum signatures and key exchange, and a hardened systemd unit.
END
name=validator_${version}_$arch
rm -f artifacts/validator_*_"$arch".{deb,cdx.json,sha256}
find "$tree" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
# How many threads compress decides where xz begins its blocks.
DPKG_DEB_THREADS_MAX=1 dpkg-deb --root-owner-group -Zxz -z1 --build "$tree" "artifacts/$name.deb" >/dev/null
perl eng/sbom.pl "$binary" "$version" "${commit:-unknown}" "$arch" >"artifacts/$name.cdx.json"
(cd artifacts && sha256sum "${binary#artifacts/}" "$name.deb" "$name.cdx.json" >"$name.sha256")
echo "deb: artifacts/$name.deb, $(stat -c %s "artifacts/$name.deb") bytes, with .cdx.json and .sha256"
