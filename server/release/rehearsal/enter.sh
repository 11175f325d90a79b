#!/bin/sh
# enter.sh TREE DEV PROGRAM [WRITABLE ...] - runs a program, as a shell understands it, with TREE as its "/". It is the
# first process of namespaces of mounts and of processes: what it mounts and what PROGRAM starts is gone with it.
set -e
tree=$1 dev=$2 program=$3
shift 3
# To read alone: some files in there are this machine's.
mount -t proc -o ro,nosuid,nodev,noexec proc "$tree/proc"
mount --rbind "$dev" "$tree/dev"
# So that nothing in there is exchanged; what is noted is a mount of its own.
mount -o remount,bind,ro "$tree/dev"
mount --bind "$dev/opq-release/calls" "$tree/dev/opq-release/calls"
for folder in tmp var/tmp; do mount -t tmpfs -o mode=1777 tmpfs "$tree/$folder"; done
# As on a box each is a mount of its own: it can be emptied, not removed.
for folder; do
    chroot "$tree" mkdir -p -- "$folder"
    mount --bind "$tree$folder" "$tree$folder"
done
# Without these rights nothing leads out of the tree, and nothing in it is mounted otherwise.
exec chroot "$tree" setpriv --bounding-set=-sys_admin,-sys_chroot sh -c "$program"
