import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { follow } from '../../daemon/engine.ts';
import { exists, renameSafely, writeFileSafely } from '../../daemon/files.ts';
import { saveJournal } from '../../daemon/journal.ts';
import { addKey, isTrusted, listKeys, pinnedKeyPems, removeKey } from '../../daemon/keys.ts';
import { whereWeWere } from '../../daemon/resume.ts';
import { beginUndo } from '../../daemon/undo-previous.ts';
import { UpdateError } from '../../protocol/errors.ts';
import type { Link } from '../../protocol/key-chain.ts';
import { codeOf } from '../support/error-of.ts';
import { anUpdate, aRelease, type Scene, scene } from '../support/fake-box.ts';
import { keyPair, linked } from '../support/key-chain.ts';
import { newVersion } from '../support/samples.ts';

const [active, reserve, next, stranger] = [keyPair(), keyPair(), keyPair(), keyPair()];
const change = linked([], active, { add: { next }, retire: [active] });

const folderOf = ({ places }: Scene) => places.at('/etc/opq-updater/keys');

/** A box with the active and the reserve key, and a worker that finds these links in the release. */
async function boxMeeting(links: readonly Link[], work: Parameters<typeof scene>[1] = {}, over = {}) {
  const box = await scene(over, { verify: () => ({ ...aRelease, keyLinks: links }), ...work });
  await mkdir(folderOf(box), { recursive: true });
  await writeFile(join(folderOf(box), 'active.pem'), active.pem);
  await writeFile(join(folderOf(box), 'reserve.pem'), reserve.pem);
  return box;
}
const values = async ({ tools }: Scene) => (await tools.config()).values;
const keysOf = async (box: Scene) => listKeys(box.places, await values(box));
const trusted = async (box: Scene) => (await keysOf(box)).filter(isTrusted).map(({ name }) => name);
const update = (box: Scene) => follow({ step: 'download', update: anUpdate }, box.tools);

it('trusts the new key and no more the old one once the release that says so is confirmed', async () => {
  const box = await boxMeeting(change);
  expect(await update(box)).toMatchObject({ step: 'idle', because: null });
  expect(await keysOf(box)).toMatchObject([
    { name: 'active', added_by: null, retired_by: newVersion },
    { name: 'reserve', added_by: null, retired_by: null },
    { name: 'next', added_by: newVersion, retired_by: null },
  ]);
  expect(await pinnedKeyPems(box.places, await values(box))).toEqual([reserve.pem, next.pem]);
});

it('trusts what it trusted before when the release is put back', async () => {
  const failing = { runScript: async () => ({ exitCode: 1, timedOut: false }) };
  const box = await boxMeeting(change, {}, failing);
  expect(await update(box)).toMatchObject({ because: { code: 'INSTALL_SCRIPT_FAILED' } });
  expect(await trusted(box)).toEqual(['active', 'reserve']);
});

it('does not trust the new key while the release is on trial', async () => {
  let seen: unknown;
  const box = await boxMeeting(change, {}, {});
  const reboot = box.box.reboot;
  box.box.reboot = async (how) => {
    seen = await trusted(box);
    return reboot(how);
  };
  await update(box);
  expect(seen).toEqual(['active', 'reserve']);
  expect(await trusted(box)).toEqual(['reserve', 'next']);
});

it('does not bring a retired key back when the release is undone later', async () => {
  const box = await boxMeeting(change);
  await update(box);
  await follow(await beginUndo(box.tools), box.tools);
  expect(await exists(join(box.places.at('/etc/opq'), 'added-by-the-release'))).toBe(false);
  expect(await trusted(box)).toEqual(['reserve', 'next']);
});

it('follows the keys after a power cut between the confirmation and the writing of the keys', async () => {
  const box = await boxMeeting(change);
  const { places, tools } = box;
  await update(box);
  // What such a cut leaves: the release is confirmed, the journal is one position behind, the keys are not written.
  await rm(join(folderOf(box), 'followed.json'));
  const release = { ...aRelease, keyLinks: change };
  const ready = { update: anUpdate, release, paths: [], baseline: {}, gateway: false };
  const cutOff = { step: 'confirm', ...ready, bootId: 'boot-1', stoppedAtMs: 0, scriptTail: [], cutBoots: 0 } as const;
  await saveJournal(places, { at: cutOff, bootId: await tools.box.bootId(), tries: 1 });
  box.nextBoot('cut');
  const { at } = await whereWeWere(tools);
  expect(await follow(at, tools)).toMatchObject({ step: 'idle', because: null });
  expect(await trusted(box)).toEqual(['reserve', 'next']);
});

const hostile: [string, readonly Link[]][] = [
  ['forks from what the box has followed', linked([], active, { add: { stranger } })],
  ['goes on by a key that was retired', linked(change, active, { add: { stranger } })],
  ['would leave no key', linked(change, next, { retire: [reserve, next] })],
];
it.each(hostile)('refuses a release, before anything is touched, whose chain %s', async (_, links) => {
  const box = await boxMeeting(change);
  await update(box);
  const again = await boxMeeting(links);
  await writeFileSafely(join(folderOf(again), 'followed.json'), await followed(box));
  expect(await update(again)).toMatchObject({ because: { code: 'KEYS_REFUSED', step: 'verify' } });
  expect(again.calls).toEqual([]);
  expect(await trusted(again)).toEqual(['reserve', 'next']);
});

const followed = (box: Scene) => readFile(join(folderOf(box), 'followed.json'), 'utf8');

/** A worker whose signature holds only under a key that the box learns of. */
const signedByNext = () => {
  const jobs: string[][] = [];
  return {
    jobs,
    verify: (input: { keyPems: string[] }) => {
      jobs.push(input.keyPems);
      if (!input.keyPems.includes(next.pem)) throw new UpdateError('SIGNATURE_INVALID', 'played');
      return { ...aRelease, keyLinks: change };
    },
  };
};

it('asks the server for the chain when it does not know the key that signed, and keeps nothing before the end', async () => {
  const { verify, jobs } = signedByNext();
  const box = await boxMeeting(change, { verify, fetchKeyLinks: () => ({ links: change }) });
  expect(await update(box)).toMatchObject({ because: null });
  expect(jobs).toHaveLength(2);
  expect(await trusted(box)).toEqual(['reserve', 'next']);
});

const servers: [string, () => unknown][] = [
  ['has no chain', () => ({ links: [] })],
  ['has a chain that strangers signed', () => ({ links: linked([], stranger, { add: { next } }) })],
  ['has a broken chain', () => ({ links: linked([], active, { add: { next } }, { number: 2 }) })],
  [
    'does not answer',
    () => {
      throw new UpdateError('SERVER_UNREACHABLE', 'played');
    },
  ],
];
it.each(servers)('refuses a release of an unknown key when the server %s', async (_, fetchKeyLinks) => {
  const { verify } = signedByNext();
  const box = await boxMeeting([], { verify, fetchKeyLinks });
  expect(await update(box)).toMatchObject({ because: { code: 'SIGNATURE_INVALID' } });
  expect(await trusted(box)).toEqual(['active', 'reserve']);
});

it('does not let a person pin a key again that was retired, and lets one unpin a key that a release brought', async () => {
  const box = await boxMeeting(change);
  await update(box);
  const config = await values(box);
  expect(await codeOf(addKey(box.places, config, 'again', active.pem))).toBe('KEYS_REFUSED');
  expect(await removeKey(box.places, config, 'next')).toBe('next');
  expect(await trusted(box)).toEqual(['reserve']);
  await update(box);
  expect(await trusted(box)).toEqual(['reserve']);
});

it('goes on with the keys pinned by hand, and says so, when its record of the links is rotten', async () => {
  const box = await boxMeeting(change);
  await update(box);
  await writeFile(join(folderOf(box), 'followed.json'), '{"format":');
  expect(await keysOf(box)).toContainEqual(
    expect.objectContaining({ fault: expect.objectContaining({ code: 'KEYS_REFUSED' }) }),
  );
  expect(await trusted(box)).toEqual(['active', 'reserve']);
  await renameSafely(join(folderOf(box), 'followed.json'), join(folderOf(box), 'rotten'));
  expect((await readdir(folderOf(box))).sort()).toEqual(['active.pem', 'reserve.pem', 'rotten']);
});
