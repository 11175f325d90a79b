#!/bin/bash
# build-image.sh DIR - makes the disk of a Debian 13 machine that stands in for an OPQ Box, and what boots it:
#   DIR/root.qcow2    one ext4 file system on the whole disk
#   DIR/vmlinuz       its kernel
#   DIR/initrd        loads the disk's drivers, mounts /dev/vda read-only and hands over to systemd
#   DIR/packages.txt  what is installed
# Needs root, mmdebstrap, e2fsprogs, qemu-utils, busybox-static, cpio, kmod. Packages come from wherever mmdebstrap
# and this machine's apt take them. No loop device and no mount, so that it works in a container too.
set -euo pipefail

suite=trixie
# Only as large as a test needs: what is not used takes no room on the host.
disk_bytes=$((3 * 1024 * 1024 * 1024))
packages=(
    # the system
    systemd systemd-sysv systemd-timesyncd dbus udev kmod linux-image-cloud-amd64
    procps iproute2 netbase e2fsprogs login passwd cron logrotate
    # what the updater, its packages and old install scripts use
    nodejs bzip2 lbzip2 tar acl attr sudo openssl ca-certificates
    # commands from outside, and to ask the updater without starting node, which takes seconds here
    qemu-guest-agent curl
)

out=$1
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root

main() {
    install_system
    describe_machine
    leave_out_what_no_test_needs
    make_initrd
    make_disk
}

install_system() {
    local list
    list=$(IFS=,; echo "${packages[*]}")
    # INITRD=No: update-initramfs would spend a minute on one that nothing boots.
    INITRD=No mmdebstrap --quiet --variant=minbase --include="$list" \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        "$suite" "$root"
    # From here on packages are installed whole: our own brings manual pages.
    rm -f "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
    chroot "$root" dpkg-query --show >"$out/packages.txt"
}

put() { # FILE, its text on the standard input
    mkdir -p "$(dirname "$root$1")"
    cat >"$root$1"
}

units() { # systemctl's VERB UNIT..., on the disk
    systemctl --quiet --root="$root" "$@"
}

describe_machine() {
    put /etc/hostname <<<opq-box
    put /etc/hosts <<<$'127.0.0.1 localhost\n127.0.1.1 opq-box'
    # A machine-id of its own, or every boot would be a "first boot" that enables units again.
    put /etc/machine-id <<<6f70712d626f782d666f722d74657374
    # As on Raspberry Pi OS: the kernel mounts / read-only, systemd has it checked and makes it writable.
    put /etc/fstab <<<'/dev/vda / ext4 defaults,noatime 0 1'
    # Logs of the boots before a power cut are what a failed test is understood from.
    mkdir -p "$root/var/log/journal"
    # Root of every command that a test gives; up early, to be asked even when a boot ends badly.
    put /usr/lib/systemd/system/commands.service <<'END'
[Unit]
Description=Commands from outside
DefaultDependencies=no
After=systemd-remount-fs.service
Conflicts=shutdown.target
Before=shutdown.target
[Service]
# As udev would find it by its name; without waiting for udev.
ExecStart=/usr/sbin/qemu-ga --method=virtio-serial --path=/dev/vport1p1 --statedir=/run
# It tells of every question.
LogLevelMax=warning
Restart=always
RestartSec=1
[Install]
WantedBy=sysinit.target
END
    # An address at once: what gives a real box its address is not what is tested.
    put /usr/lib/systemd/system/wired.service <<'END'
[Unit]
Description=Wired network
Before=network.target network-online.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip link set eth0 up
ExecStart=ip address add 10.0.2.15/24 dev eth0
ExecStart=ip route add default via 10.0.2.2
[Install]
WantedBy=multi-user.target
END
    # What a machine without surprises has to be asked about; all else of it is loaded by the initrd.
    put /usr/lib/systemd/system/systemd-udev-trigger.service.d/few.conf <<'END'
[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=block --subsystem-match=net --subsystem-match=rtc
END
    units enable commands.service wired.service
    units set-default multi-user.target
    # A person who may do nothing but log in.
    chroot "$root" useradd --create-home --shell /bin/bash somebody
}

# Each of these costs a third of a second to three seconds of every boot where instructions are emulated.
leave_out_what_no_test_needs() {
    units mask \
        apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
        fstrim.timer logrotate.timer systemd-tmpfiles-clean.timer \
        systemd-timesyncd.service systemd-network-generator.service qemu-guest-agent.service \
        systemd-hwdb-update.service systemd-journal-catalog-update.service ldconfig.service \
        systemd-pstore.service systemd-binfmt.service systemd-modules-load.service systemd-udev-load-credentials.service \
        dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
        sys-kernel-config.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount \
        modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service \
        kmod-static-nodes.service systemd-tmpfiles-setup-dev-early.service systemd-tmpfiles-setup-dev.service \
        systemd-random-seed.service run-lock.mount getty@tty1.service serial-getty@ttyS0.service
    # They run at each boot and each daemon-reload; that of fstab and our own stay.
    local name generators=$root/etc/systemd/system-generators
    mkdir -p "$generators"
    for name in debug getty gpt-auto hibernate-resume rc-local run ssh system-update sysv tpm2; do
        ln -s /dev/null "$generators/systemd-$name-generator"
    done
}

make_initrd() {
    local tree=$work/initrd kernel file count=10
    kernel=$(ls "$root/lib/modules")
    cp --dereference "$root/vmlinuz" "$out/vmlinuz"
    mkdir -p "$tree/dev" "$tree/proc" "$tree/new"
    cp "$(command -v busybox)" "$tree/busybox"
    # In the order in which they need each other.
    modprobe --dirname="$root" --set-version="$kernel" --show-depends --all \
        virtio_pci virtio_blk ext4 virtio_net virtio_console virtio_rng i6300esb |
        sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >"$work/modules"
    while IFS= read -r file; do
        count=$((count + 1))
        case $file in
            *.xz) xz --decompress --stdout "$file" ;;
            *) cat "$file" ;;
        esac >"$tree/$count.ko"
    done <"$work/modules"
    cat >"$tree/init" <<'END'
#!/busybox sh
alias b=/busybox
b mount -t devtmpfs dev /dev
b mount -t proc proc /proc
for module in /*.ko; do b insmod "$module"; done
tries=0
while [ ! -b /dev/vda ] && [ "$tries" -lt 600 ]; do b sleep 0.1; tries=$((tries + 1)); done
# Replays the journal, as after a power cut on a real box.
b mount -t ext4 -o ro,noatime /dev/vda /new
b umount /proc
b mount -o move /dev /new/dev
exec /busybox switch_root /new /sbin/init
END
    chmod 755 "$tree/init"
    # Not compressed: it is read from memory, and unpacking costs more than its size.
    (cd "$tree" && find . | cpio --quiet --create --format=newc) >"$out/initrd"
    rm -f "$root"/boot/* "$root"/vmlinuz* "$root"/initrd*
}

make_disk() {
    truncate --size="$disk_bytes" "$work/root.ext4"
    mke2fs -q -t ext4 -L root -d "$root" "$work/root.ext4"
    qemu-img convert -f raw -O qcow2 "$work/root.ext4" "$work/root.qcow2"
    # Last: whoever finds it has all of it.
    mv "$work/root.qcow2" "$out/root.qcow2"
}

main
