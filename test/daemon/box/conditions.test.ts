import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readConditions } from '../../../daemon/box/conditions.ts';

/** A box whose /proc and /sys say what a test wants. */
function boxWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'opq-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const firmware = 'sys/devices/platform/soc/soc:firmware/get_throttled';

it('tells nothing that the machine does not tell', async () => {
  expect(await readConditions(boxWith({}))).toEqual({
    rootType: 'unknown',
    rootPersistent: true,
    packagesBusy: false,
    underVoltage: null,
    throttled: null,
    temperatureC: null,
  });
});

it.each([
  ['0', false, false],
  ['1', true, false],
  ['4', false, true],
  ['8', false, true],
  // What happened once since the boot is no reason to wait.
  ['50000', false, false],
  ['d000d', true, true],
])('reads the bits %s of a Raspberry Pi as they are now', async (bits, underVoltage, throttled) => {
  expect(await readConditions(boxWith({ [firmware]: `${bits}\n` }))).toMatchObject({ underVoltage, throttled });
});

it('asks the voltage sensor of newer kernels, and no other sensor', async () => {
  const sensors = {
    'sys/class/hwmon/hwmon0/name': 'cpu_thermal\n',
    'sys/class/hwmon/hwmon0/in0_lcrit_alarm': '0\n',
    'sys/class/hwmon/hwmon1/name': 'rpi_volt\n',
    'sys/class/hwmon/hwmon1/in0_lcrit_alarm': '1\n',
    'sys/class/thermal/thermal_zone0/temp': '61234\n',
  };
  expect(await readConditions(boxWith(sensors))).toMatchObject({ underVoltage: true, temperatureC: 61.234 });
});

it.each([
  ['ext4', true],
  ['overlay', false],
  ['tmpfs', false],
])('knows whether a root of type %s keeps what is written', async (rootType, rootPersistent) => {
  const mounts = `rootfs / rootfs rw 0 0\n/dev/root / ${rootType} rw 0 0\ntmpfs /run tmpfs rw 0 0\n`;
  expect(await readConditions(boxWith({ 'proc/self/mounts': mounts }))).toMatchObject({ rootType, rootPersistent });
});

it('sees that another process holds the lock of dpkg, for as long as it does', async () => {
  const root = boxWith({ 'var/lib/dpkg/lock-frontend': '', 'var/lib/dpkg/lock': '' });
  const locks = () => writeFileSync(join(root, 'proc/locks'), readFileSync('/proc/locks'));
  mkdirSync(join(root, 'proc'));
  locks();
  expect((await readConditions(root)).packagesBusy).toBe(false);
  const lock = join(root, 'var/lib/dpkg/lock-frontend');
  // As dpkg does it, with a lock of the kind that POSIX knows.
  const program = `use Fcntl; open my $f, '>', $ARGV[0]; my $lock = pack('s s l! l! i', F_WRLCK, 0, 0, 0, 0);
    fcntl($f, F_SETLK, $lock) or die $!; $| = 1; print "held\\n"; sleep 600`;
  const holder = spawn('perl', ['-e', program, lock], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  locks();
  expect(readFileSync('/proc/locks', 'utf8')).toContain(`:${lstatSync(lock).ino} `);
  expect((await readConditions(root)).packagesBusy).toBe(true);
});

it('knows the root of this very machine', async () => {
  const type = execFileSync('stat', ['--file-system', '--format=%T', '/'], { encoding: 'utf8' }).trim();
  const { rootType, rootPersistent } = await readConditions('/');
  expect(rootType).not.toBe('unknown');
  if (type === 'overlayfs') expect(rootPersistent).toBe(false);
});
