#!/bin/sh
# other-processor.sh ARCH TREE ARGUMENTS... - runs the Node of a Debian tree of another processor.
#
# TREE is unpacked Debian packages: Node and its libraries. Programs of that processor that it starts, itself first of
# all, are emulated too: the emulator is registered in a user namespace of its own (Linux 6.7 or newer), so that
# nothing on this machine changes. All other programs are this machine's.
set -eu

if [ "$1" != --inside ]; then
    exec unshare --user --map-root-user --mount -- sh "$0" --inside "$@"
fi
arch=$2 tree=$3
shift 3

# Byte 4 (32 or 64 bits) and byte 18 (processor) of an ELF file tell whose program it is.
case $arch in
    arm64) bits='\x02' processor='\xb7' emulator=qemu-aarch64-static ;;
    armhf) bits='\x01' processor='\x28' emulator=qemu-arm-static ;;
    *) echo "other-processor.sh: no emulator known for $arch" >&2; exit 2 ;;
esac
zeros='\x00\x00\x00\x00\x00\x00\x00\x00'
magic="\\x7fELF$bits\\x01\\x01\\x00$zeros\\x02\\x00$processor\\x00"
# Any system in byte 7, and programs that may be loaded anywhere (byte 16).
ones='\xff\xff\xff\xff\xff\xff\xff'
mask="$ones\\x00$ones\\xff\\xfe\\xff\\xff\\xff"
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
printf '%s' ":$arch:M::$magic:$mask:$(command -v "$emulator"):F" >/proc/sys/fs/binfmt_misc/register

# As on a box: nothing of this machine's settings.
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root QEMU_LD_PREFIX="$tree" "$tree/usr/bin/node" "$@"
