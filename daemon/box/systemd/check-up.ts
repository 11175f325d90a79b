import { readFile } from 'node:fs/promises';
import { errorCodes } from '../../../protocol/error-codes.ts';
import type { CheckUp } from '../../../protocol/views.ts';
import { readConditions } from '../conditions.ts';
import { systemctl } from './systemctl.ts';

const guardUnits = ['opq-updater-guard.service', 'opq-updater-watch.timer'];
const installer = 'run setup/install.sh again';

/** What an update needs of a box under systemd: the guard, a watchdog, a root that stays. */
export async function checkUp(): Promise<CheckUp[]> {
  return Promise.all([guard(), watchdog(), panic(), persistentRoot()]);
}

const row = (name: string, ok: boolean, found: string, todo: string): CheckUp => ({
  name,
  ok,
  found,
  todo: ok ? null : todo,
});

/** Both units run, and are ours: nothing in /etc stands in front of them. */
async function guard(): Promise<CheckUp> {
  const states = await Promise.all(
    guardUnits.map(async (unit) => {
      const { stdout } = await systemctl(['show', '--property=ActiveState,FragmentPath,DropInPaths', '--', unit]);
      const ours = /^FragmentPath=\/usr\/lib\/systemd\/system\//m.test(stdout) && /^DropInPaths=$/m.test(stdout);
      return { unit, state: /^ActiveState=(.*)$/m.exec(stdout)?.[1] ?? 'unknown', ours };
    }),
  );
  const ok = states.every(({ state, ours }) => state === 'active' && ours);
  const found = states
    .map(({ unit, state, ours }) => `${unit} ${state}${ours ? '' : ' (overridden in /etc)'}`)
    .join(', ');
  return row('guard', ok, found, 'systemctl status opq-updater-guard.service; take away what overrides it');
}

/** A kernel that hangs is reset: the boot after it is then counted. */
async function watchdog(): Promise<CheckUp> {
  const { stdout } = await systemctl(['show', '--property=RuntimeWatchdogUSec']);
  const found = stdout.split('=')[1]?.trim() ?? 'unknown';
  return row('watchdog', found !== '0' && found !== 'infinity' && found !== 'unknown', found, installer);
}

async function panic(): Promise<CheckUp> {
  const seconds = Number(await readFile('/proc/sys/kernel/panic', 'utf8'));
  const found = seconds > 0 ? `reboots ${seconds} s after a panic` : 'stays as it is after a panic';
  return row('panic', seconds > 0, found, installer);
}

async function persistentRoot(): Promise<CheckUp> {
  const { rootType, rootPersistent } = await readConditions('/');
  return row('root', rootPersistent, rootType, errorCodes.ROOT_NOT_PERSISTENT.todo);
}
