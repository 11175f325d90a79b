import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runScript, scriptUnit } from '../../../../daemon/box/systemd/script.ts';
import { playSystemd } from '../../../support/played-systemd.ts';
import { codeOf } from '../../../support/scratch-expectations.ts';
import { until } from '../../../support/until.ts';

/** systemctl as the script needs it: `state` is that of its unit, `shutdown` the job of one; kill ends the unit. */
const systemctl = `shift 2
case $1 in
show)
  case " $* " in
  *" shutdown.target "*) echo "Job=$(cat "$played/shutdown" 2>/dev/null)" ;;
  *) echo "ActiveState=$(cat "$played/state" 2>/dev/null || echo inactive)" ;;
  esac ;;
kill) rm -f "$played/state" ;;
esac`;
const record = (code: string, status: string, result = 'success') =>
  `mkdir -p "$played/trial"; printf 'result=${result}\\ncode=${code}\\nstatus=${status}\\n' >"$played/trial/script-end"`;

/** Runs a script on a box whose systemd-run does what is said here. */
async function scene(systemdRun: string) {
  const played = await playSystemd({ systemctl, 'systemd-run': systemdRun });
  const at = (name: string) => join(played.folder, name);
  await mkdir(at('trial'));
  const output: string[] = [];
  const script = {
    folder: '/unpacked',
    writablePaths: [at('usr'), at('etc opq')],
    timeoutMs: 10_000,
    endFile: at('trial/script-end'),
    onOutput: (text: string) => void output.push(text),
  };
  const limits = { recorder: at('run/script-end.sh'), graceMs: 500, shutdownMs: 2000 };
  return {
    ...played,
    at,
    run: (over: Partial<typeof script> = {}) => runScript({ ...script, ...over }, limits),
    said: () => output.join(''),
  };
}

it('lets a script write what the copy holds, and nothing of the updater', async () => {
  const box = await scene(record('exited', '0'));
  expect(await box.run()).toEqual({ exitCode: 0, timedOut: false });
  const call = (await box.calls()).find((one) => one.startsWith('systemd-run')) ?? '';
  expect(call).toContain(`--unit=${scriptUnit}`);
  expect(call).toContain('--property=ProtectSystem=strict');
  expect(call).toContain(`--property=ReadWritePaths="${box.at('usr')}" "${box.at('etc opq')}"`);
  expect(call).toContain('--property=ReadOnlyPaths=-/etc/opq/updater_config.json');
  expect(call).toContain(
    `--property=ExecStopPost=+/bin/sh ${box.at('run/script-end.sh')} ${box.at('trial/script-end')}`,
  );
  expect(call).toContain('--working-directory=/unpacked');
});

it('keeps room for the word on its end, should the script fill the disk', async () => {
  const box = await scene(`stat -c %s "$played/trial/script-end.room"; ${record('exited', '0')}`);
  await box.run();
  expect(box.said()).toBe('16384\n');
});

it('hands on what the script says, and how it ended', async () => {
  const box = await scene(`echo one; echo two >&2; ${record('exited', '3', 'exit-code')}; exit 3`);
  expect(await box.run()).toEqual({ exitCode: 3, timedOut: false });
  expect(box.said().split('\n').sort()).toEqual(['', 'one', 'two']);
});

it('takes a script for killed that was', async () => {
  const box = await scene(`${record('killed', 'KILL', 'oom-kill')}; exit 137`);
  expect(await box.run()).toEqual({ exitCode: null, timedOut: false });
});

it('takes a script for too slow that systemd ended after its time', async () => {
  const box = await scene(`sleep 1; ${record('killed', 'KILL', 'timeout')}`);
  expect(await box.run({ timeoutMs: 100 })).toEqual({ exitCode: null, timedOut: true });
});

it('waits for the script when systemd-run is ended by others', async () => {
  const box = await scene(
    `echo active >"$played/state"
    (sleep 2; ${record('exited', '0')}; rm "$played/state") >/dev/null 2>&1 &
    kill -TERM $$`,
  );
  expect(await box.run()).toEqual({ exitCode: 0, timedOut: false });
});

it('waits no longer than it must for one of which systemd does not come to an end', async () => {
  const box = await scene('echo active >"$played/state"; exec sleep 60');
  expect(await box.run({ timeoutMs: 500 })).toEqual({ exitCode: null, timedOut: true });
  expect((await box.calls()).some((call) => call.includes('--signal=KILL'))).toBe(true);
});

it.each([
  ['systemd-run fails', 'echo "Failed to start transient service unit" >&2; exit 1'],
  ['there is no bash', `${record('exited', '203', 'exit-code')}; exit 203`],
  ['its folders cannot be set up', `${record('exited', '226', 'exit-code')}; exit 226`],
])('does not blame a script that never began, as when %s', async (_, systemdRun) => {
  const box = await scene(systemdRun);
  expect(await codeOf(box.run())).toBe('SCRIPT_NOT_STARTED');
});

it('does not take the word of an earlier script', async () => {
  const box = await scene('exit 1');
  await writeFile(box.at('trial/script-end'), 'result=success\ncode=exited\nstatus=0\n');
  expect(await codeOf(box.run())).toBe('SCRIPT_NOT_STARTED');
});

it('does not judge a script that a shutdown broke off while the box still goes down', async () => {
  const box = await scene(`echo 42 >"$played/shutdown"; ${record('killed', 'KILL', 'timeout')}; exit 1`);
  let judged = false;
  const end = box.run().then(() => {
    judged = true;
  });
  await until('the question', async () => (await box.calls()).some((call) => call.includes('shutdown.target')));
  expect(judged).toBe(false);
  await end;
});
