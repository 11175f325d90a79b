import { expect } from 'vitest';
import { saysToSocket } from '../../support/page-socket.ts';
import { it, type ScratchBox } from '../../support/scratch-box.ts';
import { release } from '../../support/scratch-release.ts';

const says = (box: ScratchBox, ...args: [method: 'GET' | 'POST', path: string, body?: object]) =>
  saysToSocket(box.at('run/opq-updater/page.sock'), ...args);

it('shows the box itself, with its services and the plot of its day', async ({ newBox }) => {
  const box = await newBox();
  const { body } = await says(box, 'GET', '/facts');
  expect(body.system).toContain('Linux');
  expect(body.memory.total_bytes).toBeGreaterThan(body.memory.available_bytes);
  expect(body.disks.length).toBeGreaterThan(0);
  expect(body.services).toEqual([{ name: 'box-config-daemon.service', state: 'active', restarts: 0 }]);
  expect(body.day).toEqual([{ at: expect.any(String), temperature_c: null, free_bytes: expect.any(Number) }]);
  // In memory only.
  expect(box.has('run/opq-updater/day.json')).toBe(true);
});

it('lets the page set its three settings over the file, and root has the last word', async ({ newBox }) => {
  const box = await newBox();
  const before = (await says(box, 'GET', '/settings')).body;
  expect(before.settings.auto_install).toMatchObject({ value: true, source: 'default' });
  const set = await says(box, 'POST', '/settings/set', { auto_install: false, window: '01:00-05:00', schedule: null });
  expect(set.body.settings).toMatchObject({
    auto_install: { value: false, source: 'settings' },
    window: { value: '01:00-05:00', source: 'settings' },
    schedule: { value: null, source: 'settings' },
  });
  expect((await box.status()).next_check_at).toBeNull();

  const reset = await says(box, 'POST', '/settings/set', { reset: ['window', 'schedule'] });
  expect(reset.body.settings).toMatchObject({
    window: { value: null, source: 'default' },
    schedule: { source: 'file' },
  });
  await box.daemon.ask('config_set', { key: 'auto_install', value: true });
  expect((await says(box, 'GET', '/settings')).body.settings.auto_install).toMatchObject({
    value: true,
    source: 'file',
  });
});

it.for([
  [{ window: 'at night' }, 'CONFIG_INVALID'],
  [{ schedule: '* * *' }, 'CONFIG_INVALID'],
  [{ server_url: 'http://elsewhere/' }, 'USAGE'],
  [{ reset: ['trusted_keys_path'] }, 'USAGE'],
] as const)('refuses the settings %o, all of them', async ([input, code], { newBox }) => {
  const box = await newBox();
  expect((await says(box, 'POST', '/settings/set', { auto_install: false, ...input })).body.code).toBe(code);
  expect((await says(box, 'GET', '/settings')).body.settings.auto_install.value).toBe(true);
});

it('knows how long an update takes here, and which boot confirmed the last one', async ({ newBox, publisher }) => {
  const box = await newBox();
  expect(await box.status()).toMatchObject({ expected: null, last_confirmed: null, clock_known: true });
  const good = release(1_550_000_002);
  await box.ended(await box.install(await publisher.stick(good)));
  const { expected, last_confirmed, boot_id } = await box.status();
  expect(last_confirmed).toMatchObject({ to: good.version, boot_id });
  expect(expected).toMatchObject({ updates: 1, outage_s: expect.any(Number) });
  expect(expected!.total_s).toBeGreaterThan(0);
});

it('gives one document to whoever helps, without a secret in it', async ({ newBox }) => {
  const canary = 'c4n4ry';
  const config = {
    server_url: `http://box:${canary}@127.0.0.1:9/?token=${canary}`,
    proxy_url: `http://proxy:${canary}@127.0.0.1:9/`,
  };
  const box = await newBox({ config });
  await says(box, 'POST', '/check', {});
  await says(box, 'POST', '/postpone', { for_s: 60, reason: `see http://me:${canary}@wiki/` });
  const { status, body } = await says(box, 'GET', '/bundle');
  expect(status).toBe(200);
  expect(Object.keys(body).sort()).toEqual(
    ['config', 'doctor', 'facts', 'gates', 'history', 'keys', 'log', 'made_at', 'status'].sort(),
  );
  expect(body.log.length).toBeGreaterThan(0);
  expect(JSON.stringify(body)).toContain('***@');
  expect(JSON.stringify(body)).not.toContain(canary);
  expect(JSON.stringify(body)).not.toContain('BEGIN');
});
