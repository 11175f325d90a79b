import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { appendFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openSessions } from '../../../ui/web/sessions.ts';
import { writeState } from '../../../ui/web/state-file.ts';
import { smallDisk } from '../../support/small-disk.ts';

function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'opq-sessions-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
const sessionsIn = (folder: string) => openSessions(folder, () => 1_700_000_000_000);

it('lets a technician in when the disk takes nothing, for as long as the server of the page runs', async () => {
  const folder = ownFolder();
  const sessions = await sessionsIn(folder);
  rmSync(folder, { recursive: true });
  const token = await sessions.open();
  expect(sessions.find(token, true)).toBeDefined();
  mkdirSync(folder);
  expect((await sessionsIn(folder)).count).toBe(0);
});

it('ends sessions for good on a full disk, too', async (test) => {
  const disk = smallDisk(64);
  if (!disk) return test.skip();
  const sessions = await sessionsIn(disk);
  const [first, second] = [await sessions.open(), await sessions.open()];
  await appendFile(join(disk, 'ballast'), Buffer.alloc(2 ** 17)).catch(() => {});
  const third = await sessions.open();
  await sessions.close(sessions.find(first, false)!);
  expect([first, second, third].map((token) => sessions.find(token, false) !== undefined)).toEqual([false, true, true]);
  expect(readdirSync(disk)).toEqual(['ballast']);
  expect((await sessionsIn(disk)).count).toBe(0);

  await rm(join(disk, 'ballast'));
  await sessions.open();
  await appendFile(join(disk, 'ballast'), Buffer.alloc(2 ** 17)).catch(() => {});
  await sessions.closeAll();
  expect(existsSync(join(disk, 'sessions.json'))).toBe(false);
});

it('says so when the disk keeps a session that was to end', async () => {
  const folder = ownFolder();
  const sessions = await sessionsIn(folder);
  const token = await sessions.open();
  // Neither can be replaced nor removed.
  rmSync(join(folder, 'sessions.json'));
  mkdirSync(join(folder, 'sessions.json/x'), { recursive: true });
  await expect(sessions.close(sessions.find(token, false)!)).rejects.toThrow();
  await expect(sessions.closeAll()).rejects.toThrow();
  expect(sessions.count).toBe(0);
});

it('leaves nothing beside a file that could not be replaced', async () => {
  const folder = ownFolder();
  mkdirSync(join(folder, 'state.json'));
  await expect(writeState(join(folder, 'state.json'), {})).rejects.toThrow();
  expect(readdirSync(folder)).toEqual(['state.json']);
  await writeState(join(folder, 'other.json'), { a: 1 });
  expect(readFileSync(join(folder, 'other.json'), 'utf8')).toBe('{"a":1}');
});
