import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CheckUp } from '../../../protocol/views.ts';
import { hardware, tufDesk } from '../../server/release/tuf/desk.ts';
import type { Publisher, UpdateServer } from '../../support/publisher.ts';
import { type BoxOptions, it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { pack, type Release, release } from '../../support/scratch-release.ts';
import { forge } from '../../support/tuf-site.ts';

const day = 86_400;
const first = release(1_550_000_002);
const next = release(1_550_000_003);

interface Making {
  readonly publisher: Publisher;
  readonly newBox: (options: BoxOptions) => Promise<ScratchBox>;
  readonly serve: () => Promise<UpdateServer>;
}

/** A box that pins the root of a desk, whose site lies on the update server, and no other key. */
async function tufBox({ publisher, newBox, serve }: Making, daysAgo = 0) {
  const desk = tufDesk();
  desk.clock.nowS -= daysAgo * day;
  await desk.init();
  await desk.signAway('1.root.json', 'root-1', 'root-2');
  const server = await serve();
  const publish = () => cpSync(desk.site, server.updatesDir, { recursive: true });
  const box = await newBox({ keys: [], config: { channel: 'tuf', server_url: server.url, hardware } });
  copyFileSync(desk.draft('1.root.json'), box.at('etc/opq-updater/tuf_root.json'));
  return {
    desk,
    server,
    box,
    publish,
    async offer(wanted: Release): Promise<void> {
      // Signed by some key as well, as packages are: in this channel nobody asks for that.
      const { path } = await pack(desk.at('packages'), wanted, publisher.key);
      expect(await desk.tuf('add', desk.desk, path, '--hardware', hardware)).toMatchObject({ exit: 0 });
      for (const name of desk.drafts()) if (name.endsWith('.targets.json')) await desk.signAway(name, 'targets');
      expect(await desk.refresh('online')).toMatchObject({ exit: 0 });
      publish();
    },
    install: () => box.cli('install', '--wait'),
    /** The release as it lies on the box, and runs. */
    whole: async (expected: Release) => {
      expect(programs(box.tree())).toEqual(programs(expected.tree));
      await box.until(`the service of ${expected.version}`, () => box.serving() === expected.version);
    },
  };
}

const programs = (tree: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(tree).filter(([name]) => name.startsWith('usr/')));
const keysLook = async (box: ScratchBox) =>
  ((await box.cli('doctor')).last as CheckUp[]).find(({ name }) => name === 'keys');
const codes = async (box: ScratchBox) => (await box.status()).warnings.map(({ code }) => code);

it('takes a box from its pinned root to each release that the targets name, and back', async ({
  publisher,
  newBox,
  serve,
}) => {
  const { box, offer, install, whole } = await tufBox({ publisher, newBox, serve });
  await offer(first);
  expect(await install()).toMatchObject({
    exitCode: 0,
    last: { outcome: 'confirmed', signed_by: expect.stringMatching(/^TUF targets 1 /) },
  });
  await whole(first);
  await offer(next);
  expect(await install()).toMatchObject({ exitCode: 0, last: { outcome: 'confirmed', from: first.version } });
  // What the box has proven is no part of an undo.
  expect(await box.cli('rollback', '--wait')).toMatchObject({ exitCode: 0, last: { outcome: 'undone' } });
  await whole(first);
  const kept = JSON.parse(readFileSync(box.at('var/lib/opq-updater/tuf/current/targets.json'), 'utf8'));
  expect(kept.signed.version).toBe(2);
  expect(await keysLook(box)).toMatchObject({ ok: true, found: expect.stringContaining('targets 2 until') });
});

it('refuses a package that is not what the targets say, whatever key signed it, and takes the right one later', async ({
  publisher,
  newBox,
  serve,
}) => {
  const { box, desk, server, offer, install, publish, whole } = await tufBox({ publisher, newBox, serve });
  await offer(first);
  const [name, { hashes, length }] = Object.entries<{ hashes: { sha256: string }; length: number }>(
    desk.signed('1.targets.json').targets,
  ).find(([target]) => target.startsWith('packages/'))!;
  const file = join(server.updatesDir, 'targets', name.replace('/', `/${hashes.sha256}.`));
  const other = await pack(desk.at('other'), release(first.version, { data: { more: 'x' } }), publisher.key);
  writeFileSync(file, Buffer.concat([other.bytes, Buffer.alloc(length)]).subarray(0, length));
  expect(await install()).toMatchObject({ exitCode: 4, last: { because: { code: 'METADATA_REFUSED' } } });
  writeFileSync(file, Buffer.concat([other.bytes, Buffer.alloc(length)]));
  expect(await install()).toMatchObject({ last: { because: { code: 'SIZE_MISMATCH' } } });
  await whole(oldRelease);
  publish();
  expect(await box.cli('install', '--wait', '--retry')).toMatchObject({ last: { outcome: 'confirmed' } });
  await whole(first);
});

it('says from 30 days ahead that what was signed ends, then takes nothing more and says why', async ({
  publisher,
  newBox,
  serve,
}) => {
  const soon = await tufBox({ publisher, newBox, serve }, 70);
  await soon.offer(first);
  await soon.box.cli('check');
  expect(await codes(soon.box)).toEqual(['METADATA_EXPIRED']);
  expect(await keysLook(soon.box)).toMatchObject({ ok: false, found: expect.stringContaining('timestamp 1 until') });
  const over = await tufBox({ publisher, newBox, serve }, 100);
  await over.offer(first);
  expect(await over.install()).toMatchObject({ last: { code: 'METADATA_EXPIRED' } });
  await over.whole(oldRelease);
});

it('never falls back to a detached signature, even of a pinned key', async ({ publisher, newBox, serve }) => {
  const { box, server, desk, install, whole, publish } = await tufBox({ publisher, newBox, serve });
  copyFileSync(publisher.key.publicPath, box.at('etc/opq-updater/keys/publisher.pem'));
  await server.publish(next);
  expect(await install()).toMatchObject({ last: { code: 'SERVER_ERROR' } });
  // The server of a thief who has the key of the targets and no other.
  await desk.publish(first.version);
  publish();
  await forge(desk, 'timestamp.json', (signed) => void signed.version++, ['targets']);
  publish();
  expect(await install()).toMatchObject({ exitCode: 4, last: { code: 'METADATA_REFUSED' } });
  await whole(oldRelease);
  // What a person brings is judged by the pinned keys, as ever.
  const { outcome } = await box.ended(await box.install(await publisher.stick(next)));
  expect(outcome).toBe('confirmed');
  await whole(next);
});
