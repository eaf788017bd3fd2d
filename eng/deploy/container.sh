#!/usr/bin/env bash
# The validator as a container would run it, without an engine: a network namespace that is there, its own mounts and processes, an empty
# read-only root with the binary and what is mounted, a user without rights and without a way to more.
# container.sh NETNS ROOT BINARY HOSTS MOUNTS COMMAND...; MOUNTS is a file with lines "SOURCE TARGET ro|rw". The environment is passed on.
set -euo pipefail
if [ "${INSIDE:-}" != 1 ]; then
    INSIDE=1 exec ip netns exec "$1" unshare --mount --pid --fork --kill-child "$0" "$@"
fi
unset INSIDE
# As runc does for a user whom no /etc/passwd knows.
export HOME=/
root=$2 binary=$3 hosts=$4 mounts=$5
shift 5
mount -t tmpfs -o mode=755,nosuid tmpfs "$root"
mkdir "$root/proc" "$root/etc"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
touch "$root/validator" "$root/etc/hosts" "$root/etc/resolv.conf"
mount --bind "$binary" "$root/validator"
mount --bind "$hosts" "$root/etc/hosts"
mount -o remount,bind,ro "$root/validator"
mount -o remount,bind,ro "$root/etc/hosts"
while read -r source target mode; do
    mkdir -p "$(dirname "$root$target")"
    if [ -d "$source" ]; then mkdir -p "$root$target"; else touch "$root$target"; fi
    mount --bind "$source" "$root$target"
    [ "$mode" = rw ] || mount -o remount,bind,ro "$root$target"
done <"$mounts"
mount -o remount,ro "$root"
exec setpriv --no-new-privs chroot --userspec=65532:65532 --groups=65532 "$root" /validator "$@"
