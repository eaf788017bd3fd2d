#!/bin/bash
# The disk of the databases. It makes a file system only on a disk that is empty. Nothing is started: keys, genesis and node.toml come
# from the operator (docs/OPERATIONS.md), the package from the image.
set -euo pipefail

disk=/dev/disk/azure/scsi1/lun0
for _ in $(seq 120); do
    [ -e "$disk" ] && break
    sleep 5
done
[ -n "$(blkid "$disk")" ] || mkfs.ext4 -L validator "$disk"
mkdir -p /var/lib/validator
grep -q LABEL=validator /etc/fstab || echo 'LABEL=validator /var/lib/validator ext4 noatime,nodev,nosuid,noexec 0 2' >>/etc/fstab
mount -a
chown validator:validator /var/lib/validator
chmod 0700 /var/lib/validator
