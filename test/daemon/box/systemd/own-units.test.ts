import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ownUnits } from '../../../../daemon/box/systemd/own-units.ts';
import { brokenSeal } from '../../../../daemon/seal.ts';
import { playSystemd } from '../../../support/played-systemd.ts';
import { codeOf } from '../../../support/scratch-expectations.ts';

const names = [
  '.service',
  '-control.socket',
  '-page.socket',
  '-ui.service',
  '-ui.socket',
  '-guard.service',
  '-watch.service',
  '-watch.timer',
].map((rest) => `opq-updater${rest}`);

/** systemctl show as it is with our units in place; `over` replaces lines of one of them. */
async function aBox(over: { unit?: string; lines?: string } = {}) {
  const played = await playSystemd({ systemctl: 'case " $* " in *" show "*) cat "$played/show" ;; esac' });
  const units = join(played.folder, 'system');
  await mkdir(units);
  await writeFile(join(played.folder, 'guard'), '[Service]\n');
  const show = (changed: typeof over) => {
    const blocks = names.map((name) => {
      const usual = `LoadState=loaded\nUnitFileState=enabled\nFragmentPath=${played.folder}/guard\nDropInPaths=`;
      return `Id=${name}\n${name === changed.unit ? changed.lines : usual}`;
    });
    return writeFile(join(played.folder, 'show'), `${blocks.join('\n\n')}\n`);
  };
  await show(over);
  return { ...played, units, show, look: () => ownUnits(units) };
}

it('finds the same in units that nobody touched, after systemd has read them anew', async () => {
  const box = await aBox();
  const before = await box.look();
  expect(Object.keys(before).sort()).toEqual([...names].sort());
  expect(brokenSeal(before, await box.look())).toEqual([]);
  expect((await box.calls())[0]).toContain('daemon-reload');
});

it.each([
  ['masked', 'LoadState=masked\nUnitFileState=masked\nFragmentPath=/dev/null\nDropInPaths='],
  ['disabled', 'LoadState=loaded\nUnitFileState=disabled\nFragmentPath=FOLDER/guard\nDropInPaths='],
  ['overridden', 'LoadState=loaded\nUnitFileState=enabled\nFragmentPath=FOLDER/guard\nDropInPaths=FOLDER/guard'],
  ['replaced', 'LoadState=loaded\nUnitFileState=enabled\nFragmentPath=/etc/passwd\nDropInPaths='],
])('notices a unit that was %s', async (_, lines) => {
  const box = await aBox();
  const before = await box.look();
  await box.show({ unit: 'opq-updater-guard.service', lines: lines.replaceAll('FOLDER', box.folder) });
  expect(brokenSeal(before, await box.look())).toEqual(['opq-updater-guard.service']);
});

it('notices other words in a drop-in that an operator had put there before', async () => {
  const dropIn = (folder: string) =>
    `LoadState=loaded\nUnitFileState=enabled\nFragmentPath=/dev/null\nDropInPaths=${folder}/mine.conf`;
  const box = await aBox();
  await writeFile(join(box.folder, 'mine.conf'), '[Service]\nNice=5\n');
  await box.show({ unit: 'opq-updater.service', lines: dropIn(box.folder) });
  const before = await box.look();
  expect(brokenSeal(before, await box.look())).toEqual([]);
  await writeFile(join(box.folder, 'mine.conf'), '[Service]\nExecStart=/bin/true\n');
  expect(brokenSeal(before, await box.look())).toEqual(['opq-updater.service']);
});

it('notices what would be in the way of the next script, whose unit is not loaded now', async () => {
  const box = await aBox();
  const before = await box.look();
  await symlink('/dev/null', join(box.units, 'opq-updater-script.service'));
  await mkdir(join(box.units, 'opq-updater-script.service.d'));
  await writeFile(join(box.units, 'opq-updater-script.service.d/a.conf'), '');
  await writeFile(join(box.units, 'box-config-daemon.service'), 'not ours');
  expect(brokenSeal(before, await box.look())).toEqual([
    join(box.units, 'opq-updater-script.service'),
    join(box.units, 'opq-updater-script.service.d/a.conf'),
  ]);
});

it('takes no silence for an answer', async () => {
  const box = await aBox();
  await writeFile(join(box.folder, 'show'), '');
  expect(await codeOf(box.look())).toBe('INTERNAL');
});
