import { join } from 'node:path';

/** What the machine looks like from one power-on to the next. */
export interface Hardware {
  /** Folder of vmlinuz and initrd. */
  readonly image: string;
  /** A qcow2 file, or `nbd:SOCKET`. */
  readonly disk: string;
  /** An empty file that takes every write and flush of the disk, as dm-log-writes has them; null = none. */
  readonly log: string | null;
  /** What the clock chip says at power-on, such as `1970-01-01T00:00:00`; null = this machine's time. */
  readonly clock: string | null;
  /** Port that the guest finds at 10.0.2.100, to the port of this machine's 127.0.0.1 behind it. */
  readonly serve: Readonly<Record<number, number>>;
  /** Port of this machine's 127.0.0.1, to the guest's port that it leads to. */
  readonly forward: Readonly<Record<number, number>>;
  /** Files of this machine that the guest finds read-only as /dev/disk/by-id/virtio-file0 and so on. */
  readonly files: readonly string[];
  /** More words for the kernel's command line. */
  readonly kernelWords: readonly string[];
  readonly memoryMb: number;
}

/** Sockets and files of one power-on. */
export interface Lines {
  readonly agent: string;
  readonly qmp: string;
  /** A second one of those, on which QEMU tells why it ends. */
  readonly end: string;
  readonly console: string;
}

/** The command line of QEMU. */
export function qemuArguments(hardware: Hardware, lines: Lines): string[] {
  return [
    // Emulated throughout, as the machines that this runs on have no virtualisation; qemu64 boots in half of `max`.
    ...['-accel', 'tcg,tb-size=256', '-machine', 'q35,usb=off,vmport=off', '-cpu', 'qemu64', '-smp', '1'],
    ...['-m', `${hardware.memoryMb}`, '-nodefaults', '-display', 'none'],
    ...['-kernel', join(hardware.image, 'vmlinuz'), '-initrd', join(hardware.image, 'initrd')],
    ...['-append', [...kernelWords, ...hardware.kernelWords].join(' ')],
    ...['-rtc', `base=${hardware.clock ?? 'utc'}`],
    ...[
      '-chardev',
      `file,id=serial,path=${lines.console.replaceAll(',', ',,')},append=on`,
      '-serial',
      'chardev:serial',
    ],
    ...[lines.qmp, lines.end].flatMap((socket) => ['-qmp', `unix:${socket},server=on,wait=off`]),
    ...['-action', `reboot=${resetsInside(hardware) ? 'reset' : 'shutdown'}`],
    ...disks(hardware),
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=agent,path=${lines.agent},server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0'],
    ...network(hardware),
    ...['-device', 'virtio-rng-pci'],
    // A watchdog that pulls the reset line, as the Raspberry Pi's does.
    ...['-device', 'i6300esb', '-action', 'watchdog=reset'],
  ];
}

/** Whether a reboot is a reset in the same process: ending QEMU would flush a disk that watches what is flushed. */
const resetsInside = ({ disk, log }: Hardware): boolean => disk.startsWith('nbd:') || log !== null;

const kernelWords = [
  ...['console=ttyS0', 'root=/dev/vda', 'ro', 'fsck.repair=yes', 'panic=5'],
  // Each letter on the console costs time.
  ...['quiet', 'loglevel=4', 'systemd.show_status=0'],
  // Nothing is to be kept from anybody here.
  ...['mitigations=off', 'nokaslr', 'audit=0'],
  // On a busy machine the emulated timer comes late, which the kernel would take for a broken one and panic.
  'no_timer_check',
  // The network card's plain name; one serial line instead of 32 to look at.
  ...['net.ifnames=0', '8250.nr_uarts=1'],
  // No AppArmor and no BPF hooks, as on Raspberry Pi OS.
  'lsm=capability',
];

function disks({ disk, log, files }: Hardware): string[] {
  const plain = {
    ...(disk.startsWith('nbd:')
      ? { driver: 'nbd', server: { type: 'unix', path: disk.slice(4) } }
      : { driver: 'qcow2', file: { driver: 'file', filename: disk } }),
    // A write cache that the guest has to flush, as that of an SD card: what it does not sync may be lost.
    cache: { direct: false, 'no-flush': false },
    discard: 'unmap',
  };
  const root = log === null ? plain : { driver: 'blklogwrites', file: plain, log: { driver: 'file', filename: log } };
  return [
    // Not NVMe: in QEMU 7.2 it passes over "force unit access", and what was synced is lost.
    ...[
      '-blockdev',
      JSON.stringify({ 'node-name': 'root', ...root }),
      '-device',
      'virtio-blk-pci,drive=root,serial=root',
    ],
    ...files.flatMap((file, n) => [
      ...[
        '-blockdev',
        JSON.stringify({
          'node-name': `file${n}`,
          driver: 'raw',
          'read-only': true,
          file: { driver: 'file', filename: file },
        }),
      ],
      ...['-device', `virtio-blk-pci,drive=file${n},serial=file${n}`],
    ]),
  ];
}

/** A network that leads to the named ports and nowhere else. */
function network({ serve, forward }: Hardware): string[] {
  const out = Object.entries(serve).map(
    ([port, here]) => `guestfwd=tcp:10.0.2.100:${port}-cmd:nc -N 127.0.0.1 ${here}`,
  );
  const into = Object.entries(forward).map(([here, port]) => `hostfwd=tcp:127.0.0.1:${here}-:${port}`);
  const user = ['user', 'id=net', 'restrict=on', 'ipv6=off', ...out, ...into].join(',');
  return ['-netdev', user, '-device', 'virtio-net-pci,id=nic,netdev=net'];
}
