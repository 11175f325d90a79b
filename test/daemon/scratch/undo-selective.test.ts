import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { codeOf, expectWhole } from '../../support/scratch-expectations.ts';
import { release } from '../../support/scratch-release.ts';

const good = release(1_550_000_002, {
  data: { 'data/record': 'new\n' },
  script: { end: 'echo by the update >"$OPQ_BOX_ROOT/etc/opq/limits"' },
});
const state = 'var/lib/opq-updater';
/** Of an undo; before it the journal says `idle`. */
const way = ['undo', 'rollback', 'restored'];
const text = (box: ScratchBox, path: string) => readFileSync(box.at(path), 'latin1');

/** What a technician does on a box that runs the new release. */
function workOn(box: ScratchBox): void {
  writeFileSync(box.at('etc/opq/site.json'), '{"site":"cellar"}');
  appendFileSync(box.at('etc/opq/limits'), 'and by hand\n');
  writeFileSync(box.at('usr/local/box-config-daemon/data/measured'), 'yesterday\n');
  writeFileSync(box.at('etc/systemd/system/other.service'), '[Service]\nExecStart=/bin/true\n');
}

it('takes back what the update changed, keeps the work of others or a copy of it, and says which', async ({
  newBox,
  publisher,
}) => {
  const box = await newBox();
  writeFileSync(box.at('etc/opq/limits'), 'by the owner\n');
  await box.ended(await box.install(await publisher.stick(good)));
  workOn(box);
  const config = `${text(box, 'etc/opq/updater_config.json')}\n`;
  writeFileSync(box.at('etc/opq/updater_config.json'), config);

  const tree = box.tree();
  const plan = await box.cli('rollback', '--dry-run');
  expect(plan).toMatchObject({
    exitCode: 0,
    last: {
      whole: false,
      from: good.version,
      to: oldRelease.version,
      keep_aside: { count: 2, first: ['/etc/opq/limits', '/usr/local/box-config-daemon/data/measured'] },
      leave: {
        count: 3,
        first: ['/etc/opq/site.json', '/etc/opq/updater_config.json', '/etc/systemd/system/other.service'],
      },
    },
  });
  expect(plan.last.restore.first).toContain('/usr/local/box-config-daemon/VERSION');
  expect(box.tree()).toEqual(tree);

  const undo = await box.cli('rollback', '--wait');
  const folder = box.at(`${state}/aside/${undo.last.id}`);
  const paths = { count: 2, first: ['/etc/opq/limits', '/usr/local/box-config-daemon/data/measured'] };
  expect(undo).toMatchObject({ exitCode: 0, last: { outcome: 'undone', kept_aside: { folder, paths } } });
  expect(undo.last.outage_s).toBeGreaterThan(0);
  expect(text(box, `${state}/aside/${undo.last.id}/etc/opq/limits`)).toBe('by the update\nand by hand\n');
  expect(text(box, 'etc/opq/limits')).toBe('by the owner\n');
  expect(text(box, 'etc/opq/site.json')).toBe('{"site":"cellar"}');
  expect(text(box, 'etc/opq/updater_config.json')).toBe(config);
  for (const path of ['etc/opq/limits', 'etc/opq/site.json', 'etc/systemd/system/other.service']) rmSync(box.at(path));
  rmSync(box.at(`${state}/aside`), { recursive: true });
  await expectWhole(box, oldRelease);
  expect((await box.history())[0]).toMatchObject({ outcome: 'undone' });
});

it('leaves what the owner wants preserved, and the pinned keys', async ({ newBox, publisher }) => {
  const box = await newBox({ config: { preserve_paths: ['/usr/local/box-config-daemon/data'] } });
  await box.ended(await box.install(await publisher.stick(good)));
  workOn(box);
  writeFileSync(box.at('etc/opq-updater/keys/another.pem'), 'not a key\n');
  const { last } = await box.cli('rollback', '--wait');
  expect(last).toMatchObject({ outcome: 'undone', kept_aside: { paths: { first: ['/etc/opq/limits'] } } });
  expect(text(box, 'usr/local/box-config-daemon/data/measured')).toBe('yesterday\n');
  expect(text(box, 'usr/local/box-config-daemon/data/record')).toBe('new\n');
  expect(text(box, 'etc/opq-updater/keys/another.pem')).toBe('not a key\n');
  expect((await box.status()).installed).toBe(oldRelease.version);
});

it.for(way)('loses nothing of it when the power is cut in the step %s', async (step, { newBox, publisher }) => {
  const box = await newBox();
  const id = await box.install(await publisher.stick(good));
  await box.ended(id);
  workOn(box);
  await box.daemon.ask('rollback', {});
  await box.until(`the step ${step}`, () => way.indexOf(box.step(id) ?? '') >= way.indexOf(step), 3);
  await box.cutPower();
  await box.boot();
  const entry = await box.until('the end of the undo', async () => {
    const [last] = await box.history();
    return last?.outcome === 'undone' && last;
  });
  expect(entry.kept_aside?.paths.count).toBe(2);
  expect(text(box, `${state}/aside/${id}/usr/local/box-config-daemon/data/measured`)).toBe('yesterday\n');
  expect(text(box, 'etc/opq/site.json')).toBe('{"site":"cellar"}');
  for (const path of ['etc/opq/site.json', 'etc/systemd/system/other.service']) rmSync(box.at(path));
  rmSync(box.at(`${state}/aside`), { recursive: true });
  await box.until('rest', async () => (await box.status()).state === 'idle');
  await expectWhole(box, oldRelease);
});

it('keeps aside for the two newest undos alone', async ({ newBox, publisher }) => {
  const box = await newBox();
  const old = ['20200101000000-aaaaaa', '20200102000000-bbbbbb'];
  for (const name of old) mkdirSync(box.at(`${state}/aside/${name}/etc`), { recursive: true });
  const id = await box.install(await publisher.stick(good));
  await box.ended(id);
  workOn(box);
  expect((await box.cli('rollback', '--wait')).exitCode).toBe(0);
  expect(box.names(`${state}/aside`)).toEqual([old[1], id]);
});

it('holds an undone release from automatic installs', async ({ newBox, serve }) => {
  const server = await serve(good);
  const box = await newBox({ config: { server_url: server.url } });
  await box.cli('install', '--wait');
  await box.cli('rollback', '--wait');
  expect(await box.cli('check', '--install')).toMatchObject({ exitCode: 5, last: { why_not: { code: 'UNDONE' } } });
  expect(text(box, `${state}/floor`)).toContain(String(good.version));
});

it('refuses an undo by a damaged copy before a service is stopped', async ({ newBox, publisher }) => {
  const box = await newBox();
  await box.ended(await box.install(await publisher.stick(good)));
  const running = box.serviceProcess();
  appendFileSync(box.at(`${state}/previous/before`), 'x');
  expect(await codeOf(box.daemon.ask('undo_plan', {}))).toBe('SNAPSHOT_DAMAGED');
  expect(await codeOf(box.daemon.ask('rollback', {}))).toBe('SNAPSHOT_DAMAGED');
  expect(box.serviceProcess()).toBe(running);
  expect((await box.status()).state).toBe('idle');
});
