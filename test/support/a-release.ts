import { spawnSync } from 'node:child_process';
import { createHash, createPrivateKey } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Decoder, decoders } from '../../daemon/box/decode.ts';
import type { UnpackTask, VerifyTask } from '../../daemon/work/tasks.ts';
import { encodeSignature, signBytes } from '../../protocol/signature.ts';
import { packageFolder } from '../../protocol/version.ts';
import { type KeyFiles, makePackage } from './packages.ts';
import { packageRows, type TarRow, tarBytes, testVersion } from './tar-bytes.ts';

/** The decoders that this machine has; the one that is built in always is. */
export const decodersHere: Decoder[] = decoders.filter(
  (name) => name === 'builtin' || spawnSync(name, ['--help'], { stdio: 'ignore' }).status === 0,
);

export interface ReleaseHere {
  readonly dir: string;
  readonly job: VerifyTask & UnpackTask;
  /** Puts other bytes in the place of the package, and a good signature of them beside it. */
  sign(bytes: Buffer): Promise<void>;
}

/** A downloaded package of version `testVersion` with its signature, in a private folder that goes with the test. */
export async function aRelease(key: KeyFiles, files: Record<string, string> = {}): Promise<ReleaseHere> {
  const dir = await mkdtemp(join(tmpdir(), 'opq-release-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const { path, signaturePath, bytes } = await makePackage(dir, { version: testVersion, key, files });
  const job = {
    channel: 'detached' as const,
    tufDir: join(dir, 'tuf'),
    path,
    signaturePath,
    keyPems: [await readFile(key.publicPath, 'utf8')],
    version: testVersion,
    sha256: sha256(bytes),
    stagingPath: join(dir, 'staged'),
    reserveBytes: 0,
    maxUnpackedBytes: 50_000_000,
    maxEntries: 1000,
    offeredKeyUrl: null,
    network: { caPath: null, proxyUrl: null, userAgent: 'opq-updater/test' },
    folder: join(dir, 'unpacked'),
    top: packageFolder(testVersion),
  };
  return {
    dir,
    job,
    async sign(bytes) {
      job.sha256 = sha256(bytes);
      const privateKey = createPrivateKey(await readFile(key.privatePath, 'utf8'));
      await writeFile(path, bytes);
      await writeFile(signaturePath, encodeSignature(signBytes(bytes, privateKey)));
    },
  };
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Packed as a publisher does. */
export const bzip2 = (bytes: Buffer): Buffer =>
  spawnSync('bzip2', ['-9', '-c'], { input: bytes, maxBuffer: 2 ** 30 }).stdout;

/** A package that has these entries beside the usual ones. */
export const packedWith = (...rows: TarRow[]): Buffer => bzip2(tarBytes(packageRows(...rows)));
