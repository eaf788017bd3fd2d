#!/usr/bin/env bash
# python-zeroconf (Debian 12's python3-zeroconf 0.47.3-1): a service without properties is announced with a TXT record of no
# bytes at all. RFC 6763, 6.1, forbids that ("MUST NOT emit empty TXT records", and RFC 1035 wants a string at least) and asks
# for a single zero byte, the empty string. (Readers are asked to put up with an empty one all the same.) Exits 1 if that
# changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 0755 .
for package in python3-zeroconf=0.47.3-1 python3-ifaddr=0.1.7-2 python3-async-timeout=4.0.2-1; do
    apt-get -qq download "$package" >/dev/null 2>&1 || { echo "$package is not to be had here" >&2; exit 2; }
done
for package in *.deb; do dpkg -x "$package" root; done
cat >look.py <<'X'
import sys
sys.path.insert(0, "root/usr/lib/python3/dist-packages")
from zeroconf import DNSOutgoing, ServiceInfo, const
for properties in ({"a": "1"}, {}):
    info = ServiceInfo("_http._tcp.local.", "x._http._tcp.local.", port=1, properties=properties, server="h.local.")
    packet = DNSOutgoing(const._FLAGS_QR_RESPONSE | const._FLAGS_AA)
    packet.add_answer_at_time(info.dns_text(), 0)
    head = bytes.fromhex("8001 00001194")  # class IN, its own, and 4500 s to live: behind them the length and the data
    print(properties, packet.packets()[0].split(head)[1].hex(" "))
X
/usr/bin/python3 look.py | tee seen
diff seen - <<'X'
{'a': '1'} 00 04 03 61 3d 31
{} 00 00
X
