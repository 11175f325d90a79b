import { expect, it } from 'vitest';
import { systemdBox } from '../../../../daemon/box/systemd/box.ts';
import { playSystemd } from '../../../support/played-systemd.ts';
import { codeOf } from '../../../support/scratch-expectations.ts';

const aSystem = (job: string, exitCode = 0) => `case " $* " in
*" show "*) printf 'Job=${job}\\nActiveState=inactive\\n' ;;
*" reboot "*) exit ${exitCode} ;;
esac`;

it('asks nobody who holds shutdowns up', async () => {
  const { calls } = await playSystemd({ systemctl: aSystem('') });
  await systemdBox().reboot('orderly');
  expect((await calls()).at(-1)).toMatch(/--check-inhibitors=no reboot$/);
});

it('does not turn a shutdown that is under way into a reboot', async () => {
  const { calls } = await playSystemd({ systemctl: aSystem('42') });
  await systemdBox().reboot('orderly');
  expect((await calls()).filter((call) => call.includes('reboot'))).toEqual([]);
});

it('asks no service when it is forced, whatever the system is about to do', async () => {
  const { calls } = await playSystemd({ systemctl: aSystem('42') });
  await systemdBox().reboot('forced');
  expect((await calls()).at(-1)).toMatch(/--force reboot$/);
});

it('says so when systemd refuses', async () => {
  await playSystemd({ systemctl: aSystem('', 1) });
  expect(await codeOf(systemdBox().reboot('orderly'))).toBe('REBOOT_FAILED');
});
