import { rmSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { it } from '../../support/scratch-box.ts';
import { release } from '../../support/scratch-release.ts';

type Row = { name: string; ok: boolean; todo: string | null };
const bad = (rows: Row[]) => rows.filter(({ ok }) => !ok).map(({ name }) => name);

it('finds a box well that can take updates, and names what is not, with what to do', async ({
  newBox,
  publisher,
  serve,
}) => {
  const { url } = await serve(release(1_550_000_002));
  const box = await newBox({ config: { server_url: url, reserve_bytes: 0 }, keys: [publisher.key.publicPath] });
  await box.until('the service', async () => bad((await box.cli('doctor')).last).length === 0);
  const well = await box.cli('doctor');
  expect(well.exitCode).toBe(0);
  expect(well.last.map(({ name }: Row) => name)).toEqual([
    'configuration',
    'updater',
    'keys',
    'server',
    'clock',
    'space',
    'services',
    'permissions',
    'schedule',
  ]);

  writeFileSync(box.at('etc/opq-updater/keys/stray.pem'), 'garbage');
  writeFileSync(
    box.at('etc/opq/updater_config.json'),
    JSON.stringify({ server_url: 'http://127.0.0.1:9/', schedule: null, services: ['gone.service'], typo: 1 }),
  );
  const ill = await box.cli('doctor');
  expect(ill.exitCode).toBe(5);
  expect(bad(ill.last)).toEqual(expect.arrayContaining(['configuration', 'keys', 'server', 'services', 'schedule']));
  for (const { ok, todo } of ill.last as Row[]) expect(todo === null).toBe(ok);
  expect((await box.status()).last_check).toBeNull();
});

it('says so when the daemon does not answer', async ({ newBox }) => {
  const box = await newBox({});
  rmSync(box.at('run/opq-updater/control.sock'));
  rmSync(box.at('run/opq-updater/page.sock'));
  const { exitCode, last } = await box.cli('doctor');
  expect(exitCode).toBe(7);
  expect(bad(last)).toEqual(['daemon']);
});
