import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type ErrorCode, errorCodes } from '../../../protocol/error-codes.ts';
import { packageName } from '../../../protocol/version.ts';
import { makeKey } from '../../support/packages.ts';
import type { UpdateServer } from '../../support/publisher.ts';
import { type BoxOptions, it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { expectUsable, expectWhole } from '../../support/scratch-expectations.ts';
import { release } from '../../support/scratch-release.ts';

const good = release(1_550_000_002);
const rpi = release(good.version, { updateJson: { hardware: ['rpi/3'] } });

interface Fault extends BoxOptions {
  readonly offered?: typeof good;
  /** Done before the update is asked for; what else the release file says. */
  spoil?(server: UpdateServer, box: ScratchBox): Promise<unknown> | unknown;
}

/** The package on the server changed by a hand that is not the publisher's. */
const alter = (change: (bytes: Buffer) => Buffer | undefined) => (server: UpdateServer) => {
  const path = `${server.updatesDir}/${packageName(good.version)}`;
  writeFileSync(path, change(readFileSync(path)) ?? '');
};

const faults: [string, ErrorCode, Fault][] = [
  [
    'the package is altered',
    'SIGNATURE_INVALID',
    {
      spoil: alter((bytes) => {
        bytes[bytes.length >> 1]! ^= 1;
        return bytes;
      }),
    },
  ],
  ['the package is cut short', 'SIZE_MISMATCH', { spoil: alter((bytes) => bytes.subarray(0, -1)) }],
  [
    'there is no signature',
    'SIGNATURE_MISSING',
    { spoil: ({ updatesDir }) => rmSync(`${updatesDir}/${packageName(good.version)}.sig`) },
  ],
  ['it is older than what is installed', 'DOWNGRADE_REFUSED', { offered: release(oldRelease.version - 1) }],
  ['it is below the configured minimum', 'DOWNGRADE_REFUSED', { config: { minimum_version: good.version + 1 } }],
  ['the disk is too small', 'DISK_FULL', { config: { reserve_bytes: 2 ** 40 } }],
  ['the configuration is wrong', 'CONFIG_INVALID', { config: { schedule: 'sometimes' } }],
  ['the box has no key', 'NO_TRUSTED_KEYS', { keys: [] }],
  [
    'the release file is for other hardware',
    'HARDWARE_MISMATCH',
    { spoil: (server) => server.publish(good, { hardware: ['rpi/3'] }) },
  ],
  ['only the package says that it is for other hardware', 'HARDWARE_MISMATCH', { offered: rpi }],
  [
    'the release wants to write where nothing can be put back',
    'PATH_NOT_UNDOABLE',
    { offered: release(good.version, { updateJson: { writable_paths: ['/boot/firmware'] } }) },
  ],
  ['the package is larger than allowed', 'SIZE_MISMATCH', { config: { max_package_bytes: 100 } }],
];

describe('Nothing is touched when', () => {
  it.for(faults)('%s', async ([, code, { offered = good, spoil, config, ...rest }], { newBox, serve }) => {
    const server = await serve(offered);
    const box = await newBox({ ...rest, config: { server_url: server.url, ...config } });
    await box.until('the service', () => box.serving() === oldRelease.version);
    const before = { tree: box.tree(), process: box.serviceProcess(), boot: (await box.status()).boot_id };
    await spoil?.(server, box);
    const { exitCode, last } = await box.cli('install', '--wait');
    expect((last.because ?? last).code).toBe(code);
    expect(exitCode).toBe(errorCodes[code].exit);
    await expectWhole(box, oldRelease);
    const after = { tree: box.tree(), process: box.serviceProcess(), boot: (await box.status()).boot_id };
    expect(after).toEqual(before);
    expect(box.has('var/lib/opq-updater/quarantine.json')).toBe(false);
  });

  it('the release is signed with a key that the box does not know, and it says which', async ({
    newBox,
    publisher,
    serve,
  }) => {
    const server = await serve(good);
    const stranger = await makeKey(await publisher.newFolder());
    const box = await newBox({ config: { server_url: server.url }, keys: [stranger.publicPath] });
    writeFileSync(`${server.updatesDir}/public_key.pem`, readFileSync(publisher.key.publicPath));
    const { exitCode, last } = await box.cli('install', '--wait');
    expect(last).toMatchObject({ outcome: 'refused', because: { code: 'SIGNATURE_INVALID' }, step: 'verify' });
    expect(exitCode).toBe(4);
    await expectWhole(box, oldRelease);
    const added = await box.cli('keys', 'add', publisher.key.publicPath, '--yes');
    expect(last.because.message).toContain(added.last.fingerprint);
    await expectUsable(box, publisher);
  });
});

it('goes on with status, check and undo while its configuration is wrong, and with updates once it is mended', async ({
  newBox,
  publisher,
  serve,
}) => {
  const { url } = await serve(good);
  const box = await newBox({ config: { server_url: url } });
  await box.ended(await box.install(await publisher.stick(good)));
  const config = readFileSync(box.at('etc/opq/updater_config.json'), 'utf8');
  writeFileSync(box.at('etc/opq/updater_config.json'), config.replace('"jitter_s":0', '"jitter_s":-1'));
  expect(await box.cli('config', 'check')).toMatchObject({ exitCode: 2 });
  expect(await box.cli('check')).toMatchObject({ exitCode: 0 });
  expect((await box.status()).warnings).toMatchObject([{ code: 'CONFIG_INVALID' }]);
  expect(await box.cli('install')).toMatchObject({ exitCode: 2, last: { code: 'CONFIG_INVALID' } });
  expect(await box.cli('rollback', '--wait')).toMatchObject({ exitCode: 0, last: { outcome: 'undone' } });
  await expectWhole(box, oldRelease);
});
