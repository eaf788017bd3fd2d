#!/usr/bin/env bash
# `make deb`: artifacts/validator_VERSION_amd64.deb of artifacts/validator, with the systemd unit. Needs dpkg-deb alone.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=artifacts/validator
[ -x "$binary" ] || { echo "deb: $binary is missing; make publish builds it" >&2; exit 1; }
command -v dpkg-deb >/dev/null || { echo "deb: dpkg-deb is missing" >&2; exit 1; }
version=$("$binary" --version)
commit=$("$binary" version | awk '$1 == "commit" { print substr($2, 1, 12) }')
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 0755 "$tree"
install -D -m 0755 "$binary" "$tree/usr/bin/validator"
install -D -m 0644 deploy/validator.service "$tree/lib/systemd/system/validator.service"
install -d -m 0755 "$tree/etc/validator" "$tree/usr/share/doc/validator"
install -m 0644 README.md CHANGELOG.md docs/OPERATIONS.md docs/API.md docs/NETWORK.md docs/THREATS.md SECURITY.md "$tree/usr/share/doc/validator/"
install -m 0644 LICENSE "$tree/usr/share/doc/validator/copyright"
cp -r .native/licenses "$tree/usr/share/doc/validator/licenses"
chmod -R u+rwX,go+rX,go-w "$tree/usr/share/doc"
install -d -m 0755 "$tree/DEBIAN"
install -m 0755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$tree/DEBIAN/"
cat >"$tree/DEBIAN/control" <<END
Package: validator
Version: $version${commit:+~git$commit}
Architecture: amd64
Maintainer: Validator contributors <validator@localhost>
Depends: passwd
Section: net
Priority: optional
Installed-Size: $(du -sk "$tree" | cut -f1)
Description: Byzantine-fault-tolerant validator
 Clients submit transactions to any validator; the committee agrees on one order and streams it back, final. One static
 binary, post-quantum signatures and key exchange, and a hardened systemd unit.
END
out=artifacts/validator_${version}_amd64.deb
rm -f artifacts/validator_*.deb
dpkg-deb --root-owner-group -Zxz -z1 --build "$tree" "$out" >/dev/null
echo "deb: $out, $(stat -c %s "$out") bytes"
