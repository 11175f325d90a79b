import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageTarget } from '../../../protocol/tuf.ts';
import { newVersion, oldVersion } from '../../server/release/program.ts';
import { tufDesk } from '../../server/release/tuf/desk.ts';
import { codeOf } from '../../support/error-of.ts';
import { saying } from '../../support/flaky-server.ts';
import { forge, forgeUpwards, type TufSite, tufSite } from '../../support/tuf-site.ts';

const day = 86_400_000;

/** A first root, whole and well signed, of somebody else. */
async function strangersRoot(): Promise<string> {
  const stranger = tufDesk();
  await stranger.init();
  await stranger.signAway('1.root.json', 'root-1', 'root-2');
  return stranger.draft('1.root.json');
}

it('is offered what the targets name for its hardware, with size, hash and address of the package', async () => {
  const { box, desk, server } = await tufSite();
  const offer = await box.check();
  const { length, hashes } = desk.signed('1.targets.json').targets[packageTarget(oldVersion)];
  expect(offer).toEqual({
    version: oldVersion,
    packageUrl: `${server.url}/targets/packages/${hashes.sha256}.opq-box-update-${oldVersion}.tar.bz2`,
    signatureUrl: null,
    sizeBytes: length,
    sha256: hashes.sha256,
    hardware: ['rpi/3'],
    notes: null,
  });
});

it('writes nothing to the card when nothing is new, and fetches no more than root and timestamp', async () => {
  const { box, server } = await tufSite();
  await box.check();
  const before = server.asked.length;
  await box.check();
  expect(server.asked.slice(before)).toEqual([
    'GET /metadata/2.root.json',
    'GET /metadata/timestamp.json',
    expect.stringContaining('/targets/box/'),
  ]);
  expect(existsSync(box.file('previous'))).toBe(false);
});

it('is offered nothing for hardware that the publisher does not know, and says so of hardware that is none', async () => {
  const { newBox } = await tufSite();
  expect(await newBox('other', { hardware: 'rpi/4' }).check()).toBeNull();
  expect(await codeOf(newBox('none', { hardware: null }).check())).toBe('HARDWARE_MISMATCH');
  expect(await codeOf(newBox('path', { hardware: '../../x' }).check())).toBe('HARDWARE_MISMATCH');
});

it('takes no root but the pinned one, and none at all when that is missing', async () => {
  const { newBox, desk } = await tufSite();
  const pinned = newBox('a', { factoryRoot: await strangersRoot() });
  expect(await codeOf(pinned.check())).toBe('METADATA_REFUSED');
  expect(await codeOf(newBox('b', { factoryRoot: desk.at('nowhere') }).check())).toBe('NO_TRUSTED_KEYS');
});

describe('the clock', () => {
  it('of a box without a battery may say 1970: what the box knows of the time counts', async () => {
    const { box } = await tufSite();
    expect(await box.check({ nowMs: oldVersion * 1000, known: false })).toMatchObject({ version: oldVersion });
  });

  it('is what is wrong when nobody has set it and all seems to have expired', async () => {
    const { box, desk } = await tufSite();
    const nowMs = desk.clock.nowS * 1000 + 400 * day;
    expect(await codeOf(box.check({ nowMs, known: false }))).toBe('CLOCK_WRONG');
    expect(await box.check()).toMatchObject({ version: oldVersion });
  });

  it('that is known makes it the metadata that has expired', async () => {
    const { box, desk } = await tufSite();
    expect(await codeOf(box.check({ nowMs: desk.clock.nowS * 1000 + 400 * day, known: true }))).toBe(
      'METADATA_EXPIRED',
    );
  });
});

type Attack = (site: TufSite) => Promise<unknown> | unknown;
const sign = ['root-1', 'root-2'];

/** Each is tried on a box that has seen the good state, and on one that has not. */
const attacks: Record<string, [Attack, string]> = {
  'a timestamp that nobody signed': [
    ({ desk }) => forge(desk, 'timestamp.json', (s) => s.version++, []),
    'METADATA_REFUSED',
  ],
  'a timestamp by the key of the targets': [
    ({ desk }) => forge(desk, 'timestamp.json', (s) => s.version++, ['targets']),
    'METADATA_REFUSED',
  ],
  'a timestamp that has expired': [
    ({ desk }) =>
      forge(desk, 'timestamp.json', (s) => Object.assign(s, { version: 2, expires: '2001-01-01T00:00:00Z' }), [
        'online',
      ]),
    'METADATA_EXPIRED',
  ],
  'a timestamp that never expires': [
    ({ desk }) => forge(desk, 'timestamp.json', (s) => Object.assign(s, { version: 2, expires: 'never' }), ['online']),
    'METADATA_REFUSED',
  ],
  'a root that only one of three keys signed': [
    ({ desk }) => forge(desk, '1.root.json', (s) => s.version++, ['root-1'], '2.root.json'),
    'METADATA_REFUSED',
  ],
  'a root signed twice by one key': [
    async ({ desk }) => {
      await forge(desk, '1.root.json', (s) => s.version++, ['root-1'], '2.root.json');
      const path = join(desk.site, 'metadata/2.root.json');
      const json = JSON.parse(readFileSync(path, 'utf8'));
      json.signatures.push(json.signatures[0]);
      writeFileSync(path, JSON.stringify(json));
    },
    'METADATA_REFUSED',
  ],
  'a root that leaves a version out': [
    ({ desk }) => forge(desk, '1.root.json', (s) => (s.version = 3), sign, '2.root.json'),
    'METADATA_REFUSED',
  ],
  'a root that has expired': [
    ({ desk }) =>
      forge(
        desk,
        '1.root.json',
        (s) => Object.assign(s, { version: 2, expires: '2001-01-01T00:00:00Z' }),
        sign,
        '2.root.json',
      ),
    'METADATA_EXPIRED',
  ],
  'a root with one key under two names': [
    ({ desk }) =>
      forge(
        desk,
        '1.root.json',
        (s) => {
          s.version = 2;
          s.keys['ab'.repeat(32)] = s.keys[s.roles.targets.keyids[0]];
          s.roles.targets.keyids.push('ab'.repeat(32));
        },
        sign,
        '2.root.json',
      ),
    'METADATA_REFUSED',
  ],
  'a root of strangers': [
    async ({ desk }) => {
      const root = JSON.parse(readFileSync(await strangersRoot(), 'utf8'));
      root.signed.version = 2;
      writeFileSync(join(desk.site, 'metadata/2.root.json'), JSON.stringify(root));
    },
    'METADATA_REFUSED',
  ],
  'targets that hand their trust on': [
    async ({ desk }) => {
      const role = { name: 'more', keyids: [], threshold: 1, terminating: false, paths: ['*'] };
      const change = (s: { version: number; delegations: object }) =>
        Object.assign(s, { version: 2, delegations: { keys: {}, roles: [role] } });
      await forge(desk, '1.targets.json', change, ['targets'], '2.targets.json');
      await forgeUpwards(desk, { targets: 2, snapshot: 2, timestamp: 2 });
    },
    'METADATA_REFUSED',
  ],
  'targets that nobody signed': [
    async ({ desk }) => {
      await forge(desk, '1.targets.json', (s) => (s.version = 2), [], '2.targets.json');
      await forgeUpwards(desk, { targets: 2, snapshot: 2, timestamp: 2 });
    },
    'METADATA_REFUSED',
  ],
  'a snapshot that has expired': [
    async ({ desk }) => {
      await forgeUpwards(desk, { targets: 1, snapshot: 2, timestamp: 2 });
      await forge(desk, '2.snapshot.json', (s) => (s.expires = '2001-01-01T00:00:00Z'), ['online']);
    },
    'METADATA_EXPIRED',
  ],
  'targets that have expired': [
    async ({ desk }) => {
      const change = (s: object) => Object.assign(s, { version: 2, expires: '2001-01-01T00:00:00Z' });
      await forge(desk, '1.targets.json', change, ['targets'], '2.targets.json');
      await forgeUpwards(desk, { targets: 2, snapshot: 2, timestamp: 2 });
    },
    'METADATA_EXPIRED',
  ],
  'a snapshot that is not what the timestamp says': [
    async ({ desk }) => {
      await forgeUpwards(desk, { targets: 1, snapshot: 2, timestamp: 2 });
      const meta = { 'snapshot.json': { version: 2, hashes: { sha256: 'ab'.repeat(32) } } };
      await forge(desk, 'timestamp.json', (s) => Object.assign(s, { meta }), ['online']);
    },
    'METADATA_REFUSED',
  ],
  'targets that are shorter than the snapshot says': [
    async ({ desk }) => {
      await forge(desk, '1.targets.json', (s) => (s.version = 2), ['targets'], '2.targets.json');
      await forgeUpwards(desk, { targets: 2, snapshot: 2, timestamp: 2 });
      const meta = { 'targets.json': { version: 2, length: 20_000 } };
      await forge(desk, '2.snapshot.json', (s) => Object.assign(s, { meta }), ['online']);
    },
    'METADATA_REFUSED',
  ],
  'targets under the name of the snapshot': [
    async ({ desk, lies }) => {
      await forgeUpwards(desk, { targets: 1, snapshot: 2, timestamp: 2 });
      lies.set('metadata/2.snapshot.json', saying(readFileSync(join(desk.site, 'metadata/1.targets.json'))));
    },
    'METADATA_REFUSED',
  ],
  'another file about the hardware': [({ lies }) => lies.set('targets/box/*', saying('{}')), 'METADATA_REFUSED'],
  'metadata without an end': [
    ({ lies }) =>
      lies.set('metadata/timestamp.json', (_, response) => {
        const more = () => void (response.destroyed || response.write('['.repeat(65_536), more));
        more();
      }),
    'SIZE_MISMATCH',
  ],
  'a root without an end': [
    ({ lies }) =>
      lies.set('metadata/2.root.json', (_, response) => {
        const more = () => void (response.destroyed || response.write('['.repeat(65_536), more));
        more();
      }),
    'SIZE_MISMATCH',
  ],
  'a way to another server': [
    ({ lies }) => lies.set('metadata/timestamp.json', saying('', 302, { location: 'http://127.0.0.1:1/' })),
    'NOT_OUR_SERVER',
  ],
  'no metadata at all': [({ lies }) => lies.set('metadata/*', saying('', 404)), 'SERVER_ERROR'],
  'a web page': [({ lies }) => lies.set('metadata/timestamp.json', saying('<html></html>')), 'METADATA_REFUSED'],
  'a server that fails': [({ lies }) => lies.set('metadata/2.root.json', saying('', 500)), 'SERVER_ERROR'],
};

/** Of these something was signed by keys that count, and so stays: the box waits for the publisher to get past it. */
const byRealKeys = new Set([
  'a timestamp that never expires',
  'a root that has expired',
  'a root with one key under two names',
  'targets that hand their trust on',
  'targets that nobody signed',
  'a snapshot that has expired',
  'targets that have expired',
  'a snapshot that is not what the timestamp says',
  'targets that are shorter than the snapshot says',
  'targets under the name of the snapshot',
]);

describe.each(Object.entries(attacks))('refuses %s', (what, [attack, code]) => {
  it(`whether it has seen the good state or not${byRealKeys.has(what) ? '' : ', and takes the good one again'}`, async () => {
    const site = await tufSite();
    const [seen, fresh] = [site.newBox('seen'), site.newBox('fresh')];
    await seen.check();
    const metadata = join(site.desk.site, 'metadata');
    const backup = site.desk.at('backup');
    cpSync(metadata, backup, { recursive: true });
    await attack(site);
    expect([await codeOf(seen.check()), await codeOf(fresh.check())]).toEqual([code, code]);
    site.lies.clear();
    rmSync(metadata, { recursive: true });
    renameSync(backup, metadata);
    const after = await codeOf(fresh.check());
    if (byRealKeys.has(what)) expect(after).toMatch(/^METADATA_/);
    else expect(after).toBe('no error');
  });
});

describe('what was, does not come back:', () => {
  it('an older timestamp', async () => {
    const { box, desk } = await tufSite();
    const old = readFileSync(join(desk.site, 'metadata/timestamp.json'));
    await desk.refresh('online');
    await box.check();
    writeFileSync(join(desk.site, 'metadata/timestamp.json'), old);
    expect(await codeOf(box.check())).toBe('METADATA_REFUSED');
  });

  it('an older snapshot or older targets, under a new timestamp', async () => {
    const { box, desk } = await tufSite();
    await desk.publish(newVersion);
    await box.check();
    await forgeUpwards(desk, { targets: 1, snapshot: 1, timestamp: 9 });
    expect(await codeOf(box.check())).toBe('METADATA_REFUSED');
    await forgeUpwards(desk, { targets: 1, snapshot: 9, timestamp: 9 });
    expect(await codeOf(box.check())).toBe('METADATA_REFUSED');
  });

  it('but a box whose thief has counted far ahead comes back once those keys were changed', async () => {
    const { box, desk } = await tufSite();
    await forgeUpwards(desk, { targets: 1, snapshot: 1_000_000, timestamp: 1_000_000 });
    await box.check();
    // The desk knows nothing of the thief's numbers.
    for (const name of ['1000000.snapshot.json', 'timestamp.json']) rmSync(join(desk.site, 'metadata', name));
    await desk.refresh('online');
    expect(await codeOf(box.check())).toBe('METADATA_REFUSED');
    desk.makeKey('online-2');
    for (const role of ['snapshot', 'timestamp']) {
      await desk.rotate('--role', role, '--remove', desk.publicKey('online'), '--add', desk.publicKey('online-2'));
    }
    await desk.signAway('2.root.json', 'root-1', 'root-2');
    expect(await desk.refresh('online-2')).toMatchObject({ exit: 0 });
    expect(await box.check()).toMatchObject({ version: oldVersion });
  });
});

describe('the folder of proven metadata', () => {
  /** What power cuts and a rotten card can leave, at each of its writes. */
  const cuts: Record<string, (file: (...parts: string[]) => string) => void> = {
    'while the library wrote to the copy': (file) => {
      mkdirSync(file('work'));
      writeFileSync(file('work/root.json'), '{"sig');
    },
    'between the two renames': (file) => {
      rmSync(file('previous'), { recursive: true });
      renameSync(file('current'), file('previous'));
    },
    'before the one before was removed': (file) => {
      mkdirSync(file('previous.removed'));
      writeFileSync(file('previous.removed/root.json'), '');
    },
    'and the card lost the end of the root': (file) => truncateSync(file('current/root.json'), 100),
    'and the card lost the timestamp': (file) => truncateSync(file('current/timestamp.json'), 0),
    'and the card lost the snapshot': (file) => truncateSync(file('current/snapshot.json'), 10),
    'and the card lost the targets': (file) => truncateSync(file('current/targets.json'), 10),
    'and nothing is left': (file) => rmSync(file('current'), { recursive: true }),
  };
  for (const [when, cut] of Object.entries(cuts)) {
    it(`is whole again after power was cut ${when}`, async () => {
      const { box, desk } = await tufSite();
      await box.check();
      desk.makeKey('targets-2');
      await desk.rotate(
        '--role',
        'targets',
        '--remove',
        desk.publicKey('targets'),
        '--add',
        desk.publicKey('targets-2'),
      );
      await desk.signAway('2.root.json', 'root-1', 'root-2');
      await desk.refresh('online');
      await desk.signAway('2.targets.json', 'targets-2');
      await desk.refresh('online');
      await box.check();
      cut(box.file);
      expect(await box.check()).toMatchObject({ version: oldVersion });
      expect(JSON.parse(readFileSync(box.file('current/root.json'), 'utf8')).signed.version).toBe(2);
      expect(existsSync(box.file('work'))).toBe(false);
    });
  }

  it('keeps a root that was proven, also when what comes after it is not to be had', async () => {
    const { box, desk, lies } = await tufSite();
    await box.check();
    await desk.rotate();
    await desk.signAway('2.root.json', 'root-1', 'root-2');
    await desk.refresh('online');
    lies.set('metadata/timestamp.json', saying('', 500));
    expect(await codeOf(box.check())).toBe('SERVER_ERROR');
    expect(JSON.parse(readFileSync(box.file('current/root.json'), 'utf8')).signed.version).toBe(2);
  });

  it('keeps the metadata that it has when the server shows no root at all', async () => {
    const { box, lies } = await tufSite();
    await box.check();
    lies.set('metadata/2.root.json', saying('', 404));
    expect(await box.check()).toMatchObject({ version: oldVersion });
  });
});

it('brings boxes back that were off for a year, past the release of a thief who had the key of the targets', async () => {
  const { box, newBox, desk } = await tufSite();
  const old = newBox('off for a year');
  await box.check();
  await old.check();
  // The thief has the server, and the keys on it, and the key of the targets.
  await desk.add(newVersion + 500);
  await desk.signAway('2.targets.json', 'targets');
  await desk.refresh('online');
  const thiefs = desk.at('thiefs');
  cpSync(join(desk.site, 'metadata'), thiefs, { recursive: true });
  expect(await box.check()).toMatchObject({ version: newVersion + 500 });

  desk.makeKey('targets-2');
  desk.makeKey('online-2');
  const change = (role: string, from: string, to: string) =>
    desk.rotate('--role', role, '--remove', desk.publicKey(from), '--add', desk.publicKey(to));
  await change('targets', 'targets', 'targets-2');
  for (const role of ['snapshot', 'timestamp']) await change(role, 'online', 'online-2');
  await desk.signAway('2.root.json', 'root-1', 'root-3');
  await desk.add(newVersion + 1000);
  await desk.signAway('3.targets.json', 'targets-2');
  expect(await desk.refresh('online-2')).toMatchObject({ exit: 0 });
  // A year, in which the root is renewed.
  for (const version of [3, 4]) {
    desk.clock.nowS += 180 * 86_400;
    await desk.rotate();
    await desk.signAway(`${version}.root.json`, 'root-2', 'root-3');
    await desk.refresh('online-2');
    const renewed = desk.drafts().find((name) => name.endsWith('.targets.json'));
    if (renewed) await desk.signAway(renewed, 'targets-2');
    expect(await desk.refresh('online-2')).toMatchObject({ exit: 0 });
  }
  expect(await old.check()).toMatchObject({ version: newVersion + 1000 });
  expect(await box.check()).toMatchObject({ version: newVersion + 1000 });
  // Whatever the thief still signs is worth nothing on a box that has walked the roots.
  for (const name of ['timestamp.json', '2.snapshot.json'])
    copyFileSync(join(thiefs, name), join(desk.site, 'metadata', name));
  expect(await codeOf(old.check())).toBe('METADATA_REFUSED');
});
