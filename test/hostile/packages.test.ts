import { createPrivateKey, sign } from 'node:crypto';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { packageName } from '../../protocol/version.ts';
import { openPublisher, type Publisher } from '../support/publisher.ts';
import { expectUsable } from '../support/scratch-expectations.ts';
import { testVersion } from '../support/tar-bytes.ts';
import { type HostileBox, openHostileBox } from './hostile-box.ts';
import { bombs, type PackageAttack, packageAttacks } from './package-attacks.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

/** Long enough for a reader that writes on after it has failed. */
const lookAgainMs = 500;
const config = { max_unpacked_bytes: 64 * 2 ** 20 };

let publisher: Publisher;
beforeAll(async () => {
  publisher = await openPublisher();
});
afterAll(() => publisher.close());

/** Signed by the publisher, on a stick. */
async function stickWith(bytes: Buffer): Promise<string> {
  const path = join(await publisher.newFolder(), packageName(testVersion));
  const key = createPrivateKey(readFileSync(publisher.key.privatePath));
  writeFileSync(path, bytes);
  writeFileSync(`${path}.sig`, sign('sha256', bytes, key).toString('base64'));
  return path;
}

async function refuse(attacked: HostileBox, { bytes, code }: PackageAttack): Promise<void> {
  const path = await stickWith(bytes(attacked.outside));
  expect(await attacked.refusalOf(async () => ({ id: await attacked.box.install(path) }))).toBe(code);
  await attacked.expectUntouched();
  await sleep(lookAgainMs);
  await attacked.expectUntouched();
}

const boxes: [string, PackageAttack[], number, () => Promise<string | undefined>][] = [
  ['the bzip2 of the system', [...packageAttacks], 100, async () => undefined],
  ['the decoder that is built in', [...bombs], 250, pathWithoutBzip2],
];
describe.each(boxes)('A box that decodes with %s refuses a package with', (decoder, attacks, childLimitMb, path) => {
  let attacked: HostileBox;
  beforeAll(async () => {
    const found = await path();
    attacked = await openHostileBox(publisher, { config, ...(found ? { path: found } : {}) });
  });
  afterAll(() => attacked.close());

  it.for(attacks)('$what', (attack) => refuse(attacked, attack));

  it('and takes the next good one, within its memory', async () => {
    const { box } = attacked;
    expect(box.has('var/lib/opq-updater/quarantine.json')).toBe(false);
    await expectUsable(box, publisher);
    attacked.expectBounded(`packages, ${decoder}`, childLimitMb);
  });
});

/** All programs of this machine but those that decode bzip2. */
async function pathWithoutBzip2(): Promise<string> {
  const folder = await publisher.newFolder();
  for (const from of (process.env.PATH ?? '').split(':')) {
    for (const name of namesIn(from)) {
      if (/bzip2|bunzip2|bzcat|pbzip/.test(name)) continue;
      try {
        symlinkSync(join(from, name), join(folder, name));
      } catch {
        // of two with one name the first counts, as in PATH
      }
    }
  }
  return folder;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // PATH may name folders that are not there
  }
}
