import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { formatKeyChain } from '../../../protocol/key-chain.ts';
import { packageName, signatureName } from '../../../protocol/version.ts';
import { keyPair, linked, pairOf } from '../../support/key-chain.ts';
import { makeKey } from '../../support/packages.ts';
import { releaseFile } from '../../support/publisher.ts';
import { it } from '../../support/scratch-box.ts';
import { expectWhole } from '../../support/scratch-expectations.ts';
import { pack, release } from '../../support/scratch-release.ts';

it('takes a box that was off while its key was replaced to the newest release, and refuses the old key from then on', async ({
  newBox,
  serve,
  publisher,
}) => {
  const active = pairOf(publisher.key);
  const reserveFiles = await publisher.otherKey();
  const nextFiles = await makeKey(join(publisher.dir, 'next'));
  const [reserve, next] = [pairOf(reserveFiles), pairOf(nextFiles)];
  const came = linked([], active, { add: { 2027: next } });
  const chain = linked(came, reserve, { retire: [active], add: { 'reserve-2': keyPair() } });

  const newest = release(1_550_000_005, { updateJson: { keys: chain } });
  const server = await serve();
  const { bytes } = await pack(server.updatesDir, newest, nextFiles);
  await writeFile(join(server.updatesDir, 'version.json'), releaseFile(newest.version, bytes));
  const box = await newBox({
    config: { server_url: server.url },
    keys: [publisher.key.publicPath, reserveFiles.publicPath],
  });
  // Before the chain is there, the box has no reason to believe the new key.
  expect(await box.cli('install', '--wait')).toMatchObject({
    exitCode: 4,
    last: { because: { code: 'SIGNATURE_INVALID' } },
  });
  await writeFile(join(server.updatesDir, 'keys.json'), formatKeyChain(chain));
  expect(await box.cli('install', '--wait')).toMatchObject({ exitCode: 0, last: { outcome: 'confirmed' } });
  await expectWhole(box, newest);
  expect((await box.cli('keys', 'list')).last).toMatchObject([
    { name: 'key-0', added_by: null, retired_by: newest.version },
    { name: 'key-1', added_by: null, retired_by: null },
    { name: '2027', added_by: newest.version, retired_by: null },
    { name: 'reserve-2', added_by: newest.version, retired_by: null },
  ]);

  // A thief with the old key, on the real server.
  const thiefs = release(1_550_000_009);
  for (const name of [packageName(newest.version), signatureName(newest.version)])
    await rm(join(server.updatesDir, name));
  await server.publish(thiefs);
  expect(await box.cli('install', '--wait')).toMatchObject({
    exitCode: 4,
    last: { because: { code: 'SIGNATURE_INVALID' } },
  });
  await box.cli('rollback', '--wait');
  expect((await box.cli('keys', 'list')).last[0]).toMatchObject({ name: 'key-0', retired_by: newest.version });
  expect(await box.cli('install', '--wait')).toMatchObject({
    exitCode: 4,
    last: { because: { code: 'SIGNATURE_INVALID' } },
  });
});
