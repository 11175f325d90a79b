import { readFileSync, statSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { ErrorCode } from '../../../protocol/error-codes.ts';
import type { HistoryEntry } from '../../../protocol/views.ts';
import { isAlive } from '../../support/processes.ts';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { codeOf, expectUsable, expectWhole } from '../../support/scratch-expectations.ts';
import { held, release, type ScriptLines } from '../../support/scratch-release.ts';

const version = 1_550_000_002;
const box = '$OPQ_BOX_ROOT';
const versionFile = `${box}/usr/local/box-config-daemon/VERSION`;
const state = `${box}/var/lib/opq-updater`;

const configure = (from: string, to: string) => `sed -i 's#${from}#${to}#' ${box}/etc/opq/updater_config.json`;

interface Script extends ScriptLines {
  readonly config?: Readonly<Record<string, unknown>>;
  /** What else must be true when it is over. */
  also?(box: ScratchBox, entry: HistoryEntry): void;
}

describe('A release is confirmed whose script', () => {
  const scripts: [string, Script][] = [
    ['leaves VERSION as it was', { end: `echo ${oldRelease.version} >${versionFile}` }],
    ['forgets VERSION', { end: `rm ${versionFile}` }],
    ['reboots by itself at its end', { end: 'reboot', also: rebootedOnce }],
    ['reboots by itself in other words', { end: 'sudo -n systemctl reboot', also: rebootedOnce }],
    ['reboots by itself and takes a moment to end', { end: 'reboot\nsleep 1', also: rebootedOnce }],
    [
      'leaves a process behind',
      {
        end: `sleep 1000 & echo $! >${box}/var/left`,
        also: ({ at }) => expect(isAlive(Number(readFileSync(at('var/left'), 'utf8')))).toBe(false),
      },
    ],
    [
      'prints a hundred thousand lines',
      {
        end: `yes 'all is well' | head -n 100000`,
        also({ at }, { script_tail }) {
          expect(script_tail.at(-1)).toBe('all is well');
          expect(statSync(at('var/log/opq/box_updater.log')).size).toBeLessThan(200_000);
        },
      },
    ],
    [
      'prints a line of twenty million characters',
      {
        end: 'head -c 20000000 /dev/zero | tr "\\0" x',
        also: ({ at }) => expect(statSync(at('var/log/opq/box_updater.log')).size).toBeLessThan(20_000),
      },
    ],
    [
      'prints what would look like a line of the log',
      {
        end: `printf 'one\\r\\n\\033[2Jtwo\\n'`,
        also: (_, { script_tail }) => expect(script_tail).toEqual(['one', '\\x1b[2Jtwo']),
      },
    ],
    ['removes the download folder', { end: `rm -rf ${box}/var/opq` }],
    [
      'restarts its service by itself',
      { begin: 'systemctl stop box-config-daemon', end: 'systemctl daemon-reload; systemctl start box-config-daemon' },
    ],
  ];
  it.for(scripts)('%s', async ([, { config = {}, also, ...script }], { newBox, publisher }) => {
    const good = release(version, { script });
    const box = await newBox({ config });
    const { exitCode, last: entry } = await box.cli('install', await publisher.stick(good), '--wait');
    expect(entry).toMatchObject({ event: 'verdict', outcome: 'confirmed', because: null });
    expect(exitCode).toBe(0);
    await expectWhole(box, good);
    also?.(box, entry);
  });
});

function rebootedOnce(box: ScratchBox): void {
  expect(box.console().match(/\[box\] reboots/g)).toHaveLength(1);
}

describe('The earlier release is put back when install_update.sh', () => {
  const scripts: [string, ErrorCode, 'is taken again' | 'is not taken again', Script][] = [
    ['ends with 3', 'INSTALL_SCRIPT_FAILED', 'is not taken again', { end: 'exit 3' }],
    ['ends half-way', 'INSTALL_SCRIPT_FAILED', 'is not taken again', { middle: 'false' }],
    [
      'hangs',
      'INSTALL_TIMED_OUT',
      'is not taken again',
      {
        middle: `echo $$ >${box}/var/hung; sleep 1000`,
        config: { script_timeout_s: 1 },
        also: ({ at }) => expect(isAlive(Number(readFileSync(at('var/hung'), 'utf8')))).toBe(false),
      },
    ],
    [
      'hangs and does not want to end',
      'INSTALL_TIMED_OUT',
      'is not taken again',
      { middle: `trap '' TERM INT HUP; while :; do sleep 1000; done`, config: { script_timeout_s: 1 } },
    ],
    [
      'says that the disk is full, and ends with 0',
      'WRITE_FAILED',
      'is taken again',
      { end: 'echo "cp: error writing: No space left on device" >&2; exit 0' },
    ],
    [
      'says so at the end of a thousand lines',
      'WRITE_FAILED',
      'is taken again',
      { end: 'seq 1000; echo "cp: error writing: No space left on device" >&2' },
    ],
    ['writes another VERSION', 'WRONG_VERSION_INSTALLED', 'is not taken again', { end: `echo 7 >${versionFile}` }],
    ['reboots before it is done', 'SCRIPT_SHUT_DOWN', 'is taken again', { middle: 'reboot\nsleep 1000' }],
    [
      'reboots with VERSION in place and more to do',
      'SCRIPT_SHUT_DOWN',
      'is taken again',
      { end: 'reboot\nsleep 1000' },
    ],
    ['reboots and fails then', 'SCRIPT_SHUT_DOWN', 'is taken again', { end: 'reboot\nsleep 1\nexit 1' }],
    [
      'kills the updater',
      'DAEMON_DIED',
      'is taken again',
      { middle: `kill -9 $(cat ${box}/var/lib/scratch/daemon-group)` },
    ],
    [
      'moves the download folder',
      'UPDATER_TAMPERED',
      'is not taken again',
      { end: configure('"jitter_s":0', '"jitter_s":0,"download_dir_path":"/var/elsewhere"') },
    ],
    [
      'breaks the configuration',
      'UPDATER_TAMPERED',
      'is not taken again',
      { end: configure('"jitter_s":0', '"jitter_s":-1') },
    ],
    [
      'removes the folder of the configuration',
      'UPDATER_TAMPERED',
      'is not taken again',
      { end: `rm -r ${box}/etc/opq` },
    ],
    [
      'masks the guard',
      'UPDATER_TAMPERED',
      'is not taken again',
      { end: `ln -s /dev/null ${box}/etc/systemd/system/opq-updater-guard.service` },
    ],
    [
      'overrides the updater and reboots by itself',
      'UPDATER_TAMPERED',
      'is not taken again',
      {
        end: `d=${box}/etc/systemd/system/opq-updater.service.d; mkdir $d; echo >$d/10-mine.conf; reboot`,
      },
    ],
    [
      'removes the unit of the service',
      'INSTALL_SCRIPT_FAILED',
      'is not taken again',
      { end: `rm -r ${box}/etc/systemd; exit 1` },
    ],
  ];
  it.for(scripts)('%s', async ([, code, again, { config = {}, also, ...script }], { newBox, publisher, serve }) => {
    const bad = release(version, { script });
    const server = await serve(bad);
    const box = await newBox({ config: { server_url: server.url, ...config } });
    const { exitCode, last: entry } = await box.cli('install', '--wait');
    expect(entry).toMatchObject({ outcome: 'rolled back', because: { code }, step: 'install' });
    expect(exitCode).toBe(6);
    await expectWhole(box, oldRelease);
    expect(box.has('var/lib/opq-updater/trial')).toBe(false);
    also?.(box, entry);
    expect(box.has('var/lib/opq-updater/quarantine.json')).toBe(again === 'is not taken again');
    if (again === 'is taken again') await expectUsable(box, publisher);
  });
});

it('puts the earlier release back when somebody shuts the box down while install_update.sh runs', async ({
  newBox,
  publisher,
}) => {
  const slow = release(version, { script: { end: held } });
  const box = await newBox();
  const id = await box.install(await publisher.stick(slow));
  await box.until('the end of the script', () => box.has('var/held'));
  await box.shutdown();
  await box.boot();
  expect(await box.ended(id)).toMatchObject({ outcome: 'rolled back', because: { code: 'SCRIPT_SHUT_DOWN' } });
  await expectWhole(box, oldRelease);
  await expectUsable(box, publisher);
});

it('puts the earlier release back and starts it though nothing can be written down any more', async ({
  newBox,
  publisher,
}) => {
  const blocked = `rm ${state}/journal.json; mkdir -p ${state}/journal.json/x`;
  const bad = release(version, { script: { middle: `${blocked}; exit 1` } });
  const box = await newBox();
  const before = (await box.status()).boot_id;
  const id = await box.install(await publisher.stick(bad));
  await box.until(
    'the old service',
    () => box.serving() === oldRelease.version && box.console().includes('cannot go on'),
  );
  expect((await box.status()).boot_id).toBe(before);
  expect(await codeOf(box.install(await publisher.stick(bad)))).toBe('BUSY');

  await box.shutdown();
  await box.boot();
  expect(await box.ended(id)).toMatchObject({ outcome: 'rolled back', because: { code: 'JOURNAL_UNREADABLE' } });
  await expectWhole(box, oldRelease);
  await expectUsable(box, publisher);
});
