import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a box tells of itself that an update should wait for; null = this box cannot tell. */
export interface Conditions {
  /** Type of the root file system, as /proc/self/mounts names it. */
  readonly rootType: string;
  /** False: what is written to it is gone after a reboot. */
  readonly rootPersistent: boolean;
  /** True: dpkg or apt holds its lock. */
  readonly packagesBusy: boolean;
  /** The supply voltage is too low right now. */
  readonly underVoltage: boolean | null;
  /** The processor is slowed down right now, by heat. */
  readonly throttled: boolean | null;
  readonly temperatureC: number | null;
}

/** Bits of what the firmware of a Raspberry Pi answers; those from 16 on only say what happened once. */
const underVoltageBit = 0x1;
const throttledBits = 0x4 | 0x8;

/** @param root `/`, or the folder of a box whose /proc and /sys are played */
export async function readConditions(root: string): Promise<Conditions> {
  const text = async (path: string): Promise<string | null> =>
    // What is not there on this kind of machine cannot be told.
    (await readFile(join(root, path), 'utf8').catch(() => null))?.trim() ?? null;
  const firmware = await text('/sys/devices/platform/soc/soc:firmware/get_throttled');
  const bits = firmware === null ? null : Number.parseInt(firmware, 16);
  const alarm = await voltageAlarm(root, text);
  const milliC = await text('/sys/class/thermal/thermal_zone0/temp');
  return {
    ...rootOf((await text('/proc/self/mounts')) ?? ''),
    packagesBusy: await packagesBusy(root, (await text('/proc/locks')) ?? ''),
    underVoltage: alarm ?? (bits === null ? null : (bits & underVoltageBit) !== 0),
    throttled: bits === null ? null : (bits & throttledBits) !== 0,
    temperatureC: milliC === null ? null : Number(milliC) / 1000,
  };
}

/** With a root in memory every update is gone at the next boot. */
function rootOf(mounts: string): Pick<Conditions, 'rootType' | 'rootPersistent'> {
  const lines = mounts.split('\n').map((line) => line.split(' '));
  const rootType = lines.findLast(([, folder]) => folder === '/')?.[2] ?? 'unknown';
  return { rootType, rootPersistent: !['overlay', 'tmpfs', 'ramfs', 'squashfs'].includes(rootType) };
}

/** The sensor that newer kernels have in place of the firmware's bits; it answers for the last seconds. */
async function voltageAlarm(root: string, text: (path: string) => Promise<string | null>): Promise<boolean | null> {
  const folder = '/sys/class/hwmon';
  const names = await readdir(join(root, folder)).catch(() => []); // no sensors
  for (const name of names) {
    if ((await text(join(folder, name, 'name'))) !== 'rpi_volt') continue;
    const alarm = await text(join(folder, name, 'in0_lcrit_alarm'));
    return alarm === null ? null : alarm === '1';
  }
  return null;
}

/** dpkg locks with fcntl, which Node cannot ask for; the kernel lists who holds what by device and inode. */
async function packagesBusy(root: string, locks: string): Promise<boolean> {
  for (const name of ['lock-frontend', 'lock']) {
    const found = await lstat(join(root, '/var/lib/dpkg', name)).catch(() => undefined); // no dpkg
    if (found && new RegExp(`POSIX .* WRITE \\d+ [0-9a-f]+:[0-9a-f]+:${found.ino} `).test(locks)) return true;
  }
  return false;
}
