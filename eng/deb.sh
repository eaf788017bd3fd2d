#!/usr/bin/env bash
# `make deb`: artifacts/validator_VERSION_ARCH.deb of artifacts/validator or validator-arm64, with the systemd unit. Needs dpkg-deb,
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
Installed-Size: $(du -sk "$tree" | cut -f1)
Description: Byzantine-fault-tolerant validator
 Clients submit transactions to any validator; the committee agrees on one order and streams it back, final. One static
 binary, post-quantum signatures and key exchange, and a hardened systemd unit.
END
out=artifacts/validator_${version}_$arch.deb
rm -f artifacts/validator_*_$arch.deb
dpkg-deb --root-owner-group -Zxz -z1 --build "$tree" "$out" >/dev/null
echo "deb: $out, $(stat -c %s "$out") bytes"
