import { expect, it } from 'vitest';
import { systemdBox } from '../../../../daemon/box/systemd/box.ts';
import { playSystemd } from '../../../support/played-systemd.ts';

it('runs a program of the owner as a unit of its own, which ends with its time, and hands on what it says', async () => {
  const { calls } = await playSystemd({ 'systemd-run': 'echo "no waveform" >&2; exit 4' });
  const ran = await systemdBox().runProgram('/etc/opq-updater/health.d/50-grid', 60_000);
  expect(ran).toMatchObject({ exitCode: 4, output: 'no waveform\n' });
  const [call] = await calls();
  expect(call).toContain('--property=RuntimeMaxSec=60');
  expect(call).toContain('--property=KillMode=control-group');
  expect(call).toMatch(/ -- \/etc\/opq-updater\/health.d\/50-grid$/);
});
