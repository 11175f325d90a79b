import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatReleaseFile } from '../../protocol/release-file.ts';
import { packageName, signatureName } from '../../protocol/version.ts';
import { runProgram } from '../server/program.ts';
import { type KeyFiles, makeKey, type PackageFiles } from './packages.ts';
import { pack, type Release } from './scratch-release.ts';

const serverBundle = fileURLToPath(new URL('../../dist/opq-update-server.js', import.meta.url));

export type Publisher = Awaited<ReturnType<typeof openPublisher>>;
export type UpdateServer = Awaited<ReturnType<Publisher['serve']>>;

/** Who makes releases: a key, another key that no box knows, and a folder for each thing made. */
export async function openPublisher() {
  const dir = await mkdtemp(join(tmpdir(), 'opq-'));
  const program = join(dir, 'server.js');
  const key = await makeKey(join(dir, 'key'));
  let count = 0;
  const newFolder = async () => {
    const path = join(dir, String(++count));
    await mkdir(path);
    return path;
  };
  const stick = async (release: Release, by: KeyFiles = key): Promise<string> =>
    (await pack(await newFolder(), release, by)).path;
  await copyFile(serverBundle, program);

  return {
    dir,
    key,
    newFolder,
    otherKey: () => makeKey(join(dir, 'other-key')),
    /** Packs and signs a release; the path of its package, alone in a folder with its signature. */
    stick,
    /** A real update server with these releases. */
    async serve(...releases: Release[]) {
      const updatesDir = await newFolder();
      const start = (port: number) =>
        runProgram({ port, updates_dir: updatesDir, host: '127.0.0.1' }, [], [process.execPath, program]);
      const publish = async (release: Release, file: object = {}): Promise<PackageFiles> => {
        const made = await pack(updatesDir, release, key);
        await writeFile(join(updatesDir, 'version.json'), releaseFile(release.version, made.bytes, file));
        return made;
      };
      for (const release of releases) await publish(release);
      let running = start(0);
      const url = await running.url();
      const kill = async (): Promise<void> => {
        running.child.kill('SIGKILL');
        await running.ended;
      };
      return {
        updatesDir,
        url,
        publish,
        sizeOf: ({ version }: Release): number => statSync(join(updatesDir, packageName(version))).size,
        kill,
        /** At the same address, after it was killed. */
        async comeBack(): Promise<void> {
          running = start(Number(new URL(url).port));
          await running.url();
        },
      };
    },
    close: () => rm(dir, { recursive: true }),
  };
}

/** version.json as `opq-release publish` writes it. */
export function releaseFile(version: number, bytes: Buffer, more: object = {}): string {
  return formatReleaseFile({
    version,
    package: packageName(version),
    signature: signatureName(version),
    public_key: 'public_key.pem',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    ...more,
  });
}
