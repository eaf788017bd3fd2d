"""OpenStack Swift with its S3 interface: store.py FOLDER PORT OBJECTS CONTAINERS ACCOUNTS REGION; the first port is asked. One replica,
access key test:tester, secret testing. Needs Debian's python3-swift. Ends with SIGTERM."""
import os
import signal
import sys

from swift.common.ring import RingBuilder
from swift.common.wsgi import run_wsgi

folder, port = os.path.abspath(sys.argv[1]), int(sys.argv[2])
ports = dict(zip(("object", "container", "account"), map(int, sys.argv[3:6])))

DEFAULT = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
user = {user}
log_level = WARNING
fallocate_reserve = 0
"""

STORE = DEFAULT + """
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""

PROXY = DEFAULT + """
[pipeline:main]
pipeline = catch_errors proxy-logging cache listing_formats s3api tempauth copy slo dlo versioned_writes proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = {location}
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
"""


def main():
    import pwd
    user = pwd.getpwuid(os.getuid()).pw_name
    os.makedirs(f"{folder}/devices/one", exist_ok=True)
    with open(f"{folder}/swift.conf", "w") as conf:
        conf.write("[swift-hash]\nswift_hash_path_prefix = one\nswift_hash_path_suffix = two\n")
    for kind, at in ports.items():
        builder = RingBuilder(2, 1, 1)
        builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 100.0, "ip": "127.0.0.1", "port": at, "device": "one"})
        builder.rebalance()
        builder.get_ring().save(f"{folder}/{kind}.ring.gz")
    children = []
    for kind, at in [*ports.items(), ("proxy", port)]:
        path = f"{folder}/{kind}-server.conf"
        with open(path, "w") as conf:
            text = PROXY if kind == "proxy" else STORE
            conf.write(text.format(port=at, folder=folder, kind=kind, user=user, location=sys.argv[6]))
        child = os.fork()
        if child == 0:
            sys.exit(run_wsgi(path, f"{kind}-server"))
        children.append(child)

    def stop(*_):
        for child in children:
            os.kill(child, signal.SIGKILL)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    for child in children:
        os.waitpid(child, 0)


os.environ["SWIFT_DIR"] = folder
import swift.common.utils  # noqa: E402

swift.common.utils.SWIFT_CONF_FILE = f"{folder}/swift.conf"
main()
