import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freeInodes } from '../../daemon/box/space.ts';
import { follow } from '../../daemon/engine.ts';
import { exists } from '../../daemon/files.ts';
import { makeRoom, mayMakeRoom, needSpace } from '../../daemon/space.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { anUpdate, type Scene, scene } from '../support/fake-box.ts';
import { keyPair } from '../support/key-chain.ts';
import { smallDisk } from '../support/small-disk.ts';

const mib = 2 ** 20;

/** A box with a kept copy and one on trial, of a MiB each, and so much space beside them. */
async function boxWith(freeBytes: number, freeInodes = 1000): Promise<Scene> {
  const box = await scene({
    freeBytes: async () => freeBytes + ((await exists(box.places.previous)) ? 0 : mib),
    freeInodes: async () => freeInodes,
  });
  for (const folder of [box.places.previous, box.places.trial]) {
    await mkdir(folder);
    await writeFile(join(folder, 'about'), 'format=1\nupdate=u0\nfrom=1550000001\n');
    await writeFile(join(folder, 'tree.tar'), Buffer.alloc(mib, 1));
  }
  return box;
}
const kept = async ({ places }: Scene) => ({
  previous: await exists(places.previous),
  trial: await exists(places.trial),
});

it('keeps the copy of the earlier release while there is room', async () => {
  const box = await boxWith(3 * mib);
  await makeRoom(box.tools, [{ folder: box.places.state, bytes: 3 * mib, inodes: 10 }]);
  expect(await kept(box)).toEqual({ previous: true, trial: true });
});

it('gives it up when a new update needs the room, says so, and never gives up the one on trial', async () => {
  const box = await boxWith(3 * mib);
  await makeRoom(box.tools, [{ folder: box.places.state, bytes: 3.5 * mib, inodes: 10 }]);
  expect(await kept(box)).toEqual({ previous: false, trial: true });
  expect(await readFile(box.places.logFile, 'utf8')).toMatch(/given up.*version=1550000001/);
});

it.each([
  ['bytes', 5 * mib, 10],
  ['files', 3.5 * mib, 1001],
])('does not give it up for nothing when even then %s are short', async (_, bytes, inodes) => {
  const box = await boxWith(3 * mib);
  const asked = makeRoom(box.tools, [{ folder: box.places.state, bytes, inodes }]);
  await expect(asked).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await kept(box)).toEqual({ previous: true, trial: true });
});

it('does not give it up for what is only announced, and nobody has signed', async () => {
  const box = await boxWith(3 * mib);
  const asking = (bytes: number) => mayMakeRoom(box.tools, [{ folder: box.places.state, bytes, inodes: 10 }]);
  await asking(3.5 * mib);
  await expect(asking(5 * mib)).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await kept(box)).toEqual({ previous: true, trial: true });
});

it('does not give it up for an undo, which needs it', async () => {
  const box = await boxWith(3 * mib);
  const asked = needSpace(box.tools, [{ folder: box.places.state, bytes: 3.5 * mib, inodes: 10 }]);
  await expect(asked).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await kept(box)).toEqual({ previous: true, trial: true });
});

it('adds up what lies on one file system', async () => {
  const box = await boxWith(3 * mib);
  const half = { bytes: 2 * mib, inodes: 10 };
  const download = box.places.at('/var/opq/updater/not/there/yet');
  await makeRoom(box.tools, [
    { folder: box.places.state, ...half },
    { folder: download, ...half },
  ]);
  expect(await kept(box)).toEqual({ previous: false, trial: true });
});

it('does not give it up for space on another file system', async (test) => {
  const other = smallDisk(1024);
  if (!other) return test.skip();
  const box = await boxWith(3 * mib);
  const asked = makeRoom(box.tools, [{ folder: other, bytes: 3.5 * mib, inodes: 1 }]);
  await expect(asked).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(await kept(box)).toEqual({ previous: true, trial: true });
  expect(await freeInodes(other)).toBeGreaterThan(0);
});

it.each([
  ['bytes', { freeBytes: async () => 999 }],
  ['files', { freeInodes: async () => 9 }],
])('fetches nothing when %s are short', async (_, short) => {
  const fetched: string[] = [];
  const box = await scene(short, {
    copy: () => {
      fetched.push('copy');
      return { sizeBytes: 1 };
    },
  });
  const rest = await follow({ step: 'download', update: anUpdate }, box.tools);
  expect(rest).toMatchObject({ step: 'idle', because: { code: 'DISK_FULL', step: 'download' } });
  expect(fetched).toEqual([]);
});

/** Follows the step that unpacks while it judges, on a disk that holds the release only once the kept copy is gone. */
async function verifyBeside(keptCopy: boolean) {
  const box = await scene(
    {},
    {
      verify: async () => {
        tries++;
        if (!keptCopy || (await exists(box.places.previous))) throw new UpdateError('DISK_FULL', 'No room to unpack.');
        throw new UpdateError('ARCHIVE_REFUSED', 'Read to its end.');
      },
    },
  );
  let tries = 0;
  await mkdir(box.places.at('/etc/opq-updater/keys'), { recursive: true });
  await writeFile(box.places.at('/etc/opq-updater/keys/active.pem'), keyPair().pem);
  if (keptCopy) {
    await mkdir(box.places.previous);
    await writeFile(join(box.places.previous, 'about'), 'format=1\nupdate=u0\nfrom=1550000001\n');
    await writeFile(join(box.places.previous, 'tree.tar'), Buffer.alloc(mib, 1));
  }
  const rest = await follow({ step: 'verify', update: anUpdate }, box.tools);
  return { rest, tries, box };
}

it('gives it up when a package shows only while it is unpacked how much it takes, and unpacks it anew', async () => {
  const { rest, tries, box } = await verifyBeside(true);
  expect(rest).toMatchObject({ step: 'idle', because: { code: 'ARCHIVE_REFUSED', step: 'verify' } });
  expect(tries).toBe(2);
  expect((await kept(box)).previous).toBe(false);
  expect(await readFile(box.places.logFile, 'utf8')).toMatch(/given up.*version=1550000001/);
});

it('unpacks a package once where there is nothing to give up', async () => {
  const { rest, tries } = await verifyBeside(false);
  expect(rest).toMatchObject({ step: 'idle', because: { code: 'DISK_FULL', step: 'verify' } });
  expect(tries).toBe(1);
});
