import { createHash, generateKeyPairSync } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from '../../../../protocol/schema.ts';
import { boxTargetSchema } from '../../../../protocol/tuf.ts';
import { until } from '../../../support/until.ts';
import { newVersion, oldVersion } from '../program.ts';
import { hardware, type TufDesk, tufDesk } from './desk.ts';

describe('a desk', () => {
  it('goes from nothing to a published release, with every private key on a machine of its own', async () => {
    const made = tufDesk();
    expect((await made.init()).exit).toBe(0);
    expect((await made.refresh()).code).toBe('NOT_FOUND'); // no targets yet
    await made.signAway('1.root.json', 'root-1', 'root-2');
    expect((await made.add(oldVersion)).exit).toBe(0);
    expect((await made.refresh('online')).exit).toBe(5);
    expect(existsSync(join(made.site, 'metadata'))).toBe(false);
    await made.signAway('1.targets.json', 'targets');
    // The timestamp's key is elsewhere, too.
    expect((await made.refresh()).exit).toBe(5);
    expect(made.drafts()).toEqual(['1.root.json', '1.snapshot.json', '1.targets.json']);
    await made.signAway('1.snapshot.json', 'online');
    expect((await made.refresh()).exit).toBe(5);
    await made.signAway('timestamp.json', 'online');
    expect((await made.refresh()).exit).toBe(0);
    expect(made.drafts()).toEqual([]);
    expect(made.metadata()).toEqual(['1.root.json', '1.snapshot.json', '1.targets.json', 'timestamp.json']);

    const { targets } = made.signed('1.targets.json');
    const name = `packages/opq-box-update-${oldVersion}.tar.bz2`;
    expect(Object.keys(targets).sort()).toEqual([`box/${hardware}.json`, name]);
    const { sha256 } = targets[`box/${hardware}.json`].hashes;
    const file = readFileSync(join(made.site, 'targets/box/rpi', `${sha256}.3.json`));
    expect(createHash('sha256').update(file).digest('hex')).toBe(sha256);
    expect(parse(boxTargetSchema, JSON.parse(file.toString()))).toEqual({ version: oldVersion, package: name });
  });

  it('publishes root, targets, snapshot and the timestamp last', async () => {
    const made = tufDesk();
    await made.init();
    await made.signAway('1.root.json', 'root-1', 'root-3');
    await made.add(oldVersion);
    await made.signAway('1.targets.json', 'targets');
    mkdirSync(join(made.site, 'metadata'), { recursive: true });
    const seen: string[] = [];
    const watcher = watch(join(made.site, 'metadata'), (_, name) => void seen.push(String(name)));
    await made.refresh('online');
    await until('the timestamp is seen', () => seen.includes('timestamp.json'));
    watcher.close();
    const order = [...new Set(seen.filter((name) => !name.startsWith('.')))];
    expect(order).toEqual(['1.root.json', '1.targets.json', '1.snapshot.json', 'timestamp.json']);
  });

  it('renews the timestamp alone when nothing else is due', async () => {
    const made = tufDesk();
    await made.publishFirst();
    expect((await made.refresh('online')).json).toMatchObject({ published: ['timestamp 2'] });
  });

  it('brings one state together where the keys are on two machines, each run with one of them', async () => {
    const made = tufDesk();
    await made.init();
    await made.signAway('1.root.json', 'root-1', 'root-2');
    await made.add(oldVersion);
    expect((await made.refresh('targets')).exit).toBe(5);
    const targets = readFileSync(made.draft('1.targets.json'), 'utf8');
    await made.signAway('1.snapshot.json', 'online');
    expect((await made.refresh('targets')).exit).toBe(5);
    await made.signAway('timestamp.json', 'online');
    expect((await made.refresh('targets')).exit).toBe(0);
    expect(readFileSync(join(made.site, 'metadata/1.targets.json'), 'utf8')).toBe(targets);
  });

  it('drafts anew what waited for its signature until it ended', async () => {
    const made = tufDesk();
    await made.publishFirst();
    await made.refresh();
    made.clock.nowS += 95 * 86_400;
    expect((await made.refresh('online')).json).toMatchObject({ published: ['timestamp 2'] });
    expect((await made.tuf('status', made.desk)).exit).toBe(0);
  });

  it('never publishes what a cut or a stick has left among the drafts of what is published already', async () => {
    const made = tufDesk();
    await made.publishFirst();
    const leave = (names: readonly string[]) => {
      for (const name of names) copyFileSync(join(made.site, 'metadata', name), made.draft(name));
    };
    leave(made.metadata()); // timestamp 1, too
    expect((await made.refresh('online')).json).toMatchObject({ published: ['timestamp 2'] });
    copyFileSync(join(made.site, 'metadata/timestamp.json'), made.at('timestamp-2.json'));
    expect((await made.refresh('online')).json).toMatchObject({ published: ['timestamp 3'] });
    copyFileSync(made.at('timestamp-2.json'), made.draft('timestamp.json'));
    expect((await made.refresh('online')).json).toMatchObject({ published: ['timestamp 4'] });

    await made.publish(newVersion);
    leave(['1.targets.json', '1.snapshot.json']);
    expect((await made.refresh('online')).json).toMatchObject({ published: ['timestamp 6'] });
    expect((await made.tuf('status', made.desk)).json).toMatchObject(Array(4).fill({ draft: null }));
  });

  it('offers a newer release, and leaves the older one out of the targets', async () => {
    const made = tufDesk();
    await made.publishFirst();
    await made.add(newVersion);
    await made.signAway('2.targets.json', 'targets');
    expect((await made.refresh('online')).exit).toBe(0);
    expect(Object.keys(made.signed('2.targets.json').targets)).toContain(
      `packages/opq-box-update-${newVersion}.tar.bz2`,
    );
    expect(Object.keys(made.signed('2.targets.json').targets)).toHaveLength(2);
    expect(made.signed('2.snapshot.json').meta['targets.json'].version).toBe(2);
  });
});

describe('a new root', () => {
  it('is published together with what the old key had signed, signed anew', async () => {
    const made = tufDesk();
    await made.publishFirst();
    made.makeKey('targets-2');
    const change = ['--role', 'targets', '--remove', made.publicKey('targets'), '--add', made.publicKey('targets-2')];
    expect((await made.rotate(...change)).exit).toBe(0);
    await made.signAway('2.root.json', 'root-2', 'root-3');
    expect((await made.refresh('online')).exit).toBe(5);
    expect(made.metadata()).not.toContain('2.root.json');
    await made.signAway('2.targets.json', 'targets-2');
    expect((await made.refresh('online')).exit).toBe(0);
    expect(made.metadata()).toEqual(expect.arrayContaining(['2.root.json', '2.targets.json', '2.snapshot.json']));
    expect((await made.tuf('status', made.desk)).exit).toBe(0);
    made.clock.nowS += 400 * 86_400;
    expect((await made.tuf('status', made.desk)).exit).toBe(4);
  });

  it('needs as many signatures of the old root keys as of the new ones', async () => {
    const made = tufDesk();
    await made.publishFirst();
    for (const name of ['root-4', 'root-5']) made.makeKey(name);
    const gone = ['root-1', 'root-2'].flatMap((name) => ['--remove', made.publicKey(name)]);
    const come = ['root-4', 'root-5'].flatMap((name) => ['--add', made.publicKey(name)]);
    await made.rotate('--role', 'root', ...gone, ...come);
    await made.signAway('2.root.json', 'root-4', 'root-5');
    expect((await made.refresh('online')).exit).toBe(5);
    await made.signAway('2.root.json', 'root-3');
    expect((await made.refresh('online')).exit).toBe(5);
    await made.signAway('2.root.json', 'root-2');
    expect((await made.refresh('online')).exit).toBe(0);
  });

  it('loses the signatures of its draft when it is changed once more', async () => {
    const made = tufDesk();
    await made.publishFirst();
    await made.rotate();
    await made.signAway('2.root.json', 'root-1', 'root-2');
    await made.rotate('--days', '100');
    expect(JSON.parse(readFileSync(made.draft('2.root.json'), 'utf8')).signatures).toEqual([]);
  });
});

describe('refused are', () => {
  const refusals: [string, (made: TufDesk) => Promise<{ code: string | undefined }>, string][] = [
    ['a second first root', (made) => made.init(), 'USAGE'],
    ['a threshold that cannot be reached', (made) => made.rotate('--role', 'root', '--threshold', '4'), 'USAGE'],
    ['a threshold of nothing', (made) => made.rotate('--role', 'root', '--threshold', '0'), 'USAGE'],
    [
      'a role without a key',
      (made) => made.rotate('--role', 'targets', '--remove', made.publicKey('targets')),
      'USAGE',
    ],
    [
      'a role that there is not',
      (made) => made.rotate('--role', 'mirrors', '--add', made.publicKey('online')),
      'USAGE',
    ],
    [
      'the removal of a key that is none',
      (made) => made.rotate('--role', 'root', '--remove', made.publicKey('online')),
      'NOT_FOUND',
    ],
    ['an expiry in no time', (made) => made.rotate('--days', '0'), 'USAGE'],
    ['an expiry in a hundred years', (made) => made.rotate('--days', '36500'), 'USAGE'],
    [
      'hardware that is a path',
      async (made) => made.tuf('add', made.desk, await made.build(newVersion), '--hardware', '../3'),
      'USAGE',
    ],
    [
      'a package that is not for the hardware',
      (made) => made.add(newVersion + 1, { 'update.json': '{"hardware":["rpi/4"]}' }),
      'HARDWARE_MISMATCH',
    ],
    [
      'the copy of another draft',
      async (made) => {
        await made.rotate();
        copyFileSync(made.draft('2.root.json'), made.at('2.root.json'));
        await made.rotate('--days', '10');
        return made.tuf('sign', made.draft('2.root.json'), '--with', made.at('2.root.json'));
      },
      'METADATA_REFUSED',
    ],
    [
      'a draft that has expired',
      async (made) => {
        await made.rotate();
        const text = readFileSync(made.draft('2.root.json'), 'utf8').replace(/"expires": "\d{4}/, '"expires": "2001');
        writeFileSync(made.draft('2.root.json'), text);
        return made.tuf('sign', made.draft('2.root.json'), '--key', made.privateKey('root-1'));
      },
      'METADATA_EXPIRED',
    ],
    [
      'an RSA key',
      async (made) => {
        const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
        writeFileSync(made.at('rsa.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
        return made.rotate('--role', 'targets', '--add', made.at('rsa.pem'));
      },
      'KEY_INVALID',
    ],
    [
      'a draft that expires in a way that nobody can read',
      async (made) => {
        await made.rotate();
        const text = readFileSync(made.draft('2.root.json'), 'utf8').replace(
          /"expires": "[^"]*"/,
          '"expires": "never"',
        );
        writeFileSync(made.draft('2.root.json'), text);
        return made.tuf('sign', made.draft('2.root.json'), '--key', made.privateKey('root-1'));
      },
      'METADATA_REFUSED',
    ],
  ];
  it('what a box could not follow, or what a person did not mean', async () => {
    const made = tufDesk();
    await made.publishFirst();
    const found: string[] = [];
    for (const [what, attempt] of refusals) found.push(`${what}: ${(await attempt(made)).code}`);
    expect(found).toEqual(refusals.map(([what, , code]) => `${what}: ${code}`));
    expect(made.metadata()).toHaveLength(4);
  });
});
