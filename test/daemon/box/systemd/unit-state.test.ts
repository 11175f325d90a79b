import { expect, it } from 'vitest';
import { unitState } from '../../../../daemon/box/systemd/unit-state.ts';
import { playSystemd } from '../../../support/played-systemd.ts';

/** What is made of the words of `systemctl show`; those not given are as of a unit that was started by hand. */
async function stateOf(words: Readonly<Record<string, string>>) {
  const usual = { LoadState: 'loaded', ActiveState: 'active', NRestarts: '2', UnitFileState: 'disabled', WantedBy: '' };
  const lines = Object.entries({ ...usual, ...words }).map(([key, value]) => `${key}=${value}`);
  await playSystemd({ systemctl: `cat <<'EOF'\n${lines.join('\n')}\nEOF` });
  return unitState('box-config-daemon.service');
}

it.each([
  ['is disabled', {}, true],
  ['is static, and nothing wants it', { UnitFileState: 'static' }, true],
  ['is enabled for this boot only', { UnitFileState: 'enabled-runtime', WantedBy: 'multi-user.target' }, true],
  ['is enabled', { UnitFileState: 'enabled', WantedBy: 'multi-user.target' }, false],
  ['is generated, as of an init script', { UnitFileState: 'generated', WantedBy: 'multi-user.target' }, false],
  ['is required by another one', { UnitFileState: 'static', RequiredBy: 'opq.target' }, false],
  ['has a timer', { TriggeredBy: 'opq.timer' }, false],
])('knows whether a boot starts a service that %s', async (_, words, byHand) => {
  expect(await stateOf(words)).toEqual({ state: 'active', restarts: 2, byHand });
});

it.each([
  ['reloading', 'active'],
  ['activating', 'starting'],
  ['failed', 'failed'],
  ['deactivating', 'inactive'],
])('takes a service that is %s for %s', async (ActiveState, state) => {
  expect(await stateOf({ ActiveState })).toMatchObject({ state });
});

it('takes a masked service for one that is not there', async () => {
  expect(await stateOf({ LoadState: 'masked' })).toMatchObject({ state: 'absent' });
});
