import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageFolder, packageName, signatureName } from '../../protocol/version.ts';

/** A key pair as two PEM files, made by the real openssl. */
export interface KeyFiles {
  readonly privatePath: string;
  readonly publicPath: string;
}

export interface PackageFiles {
  readonly path: string;
  readonly signaturePath: string;
  readonly bytes: Buffer;
}

const keyOptions = {
  ec: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
} as const;

/** Makes `private_key.pem` and `public_key.pem` in a folder. */
export async function makeKey(dir: string, kind: keyof typeof keyOptions = 'ec'): Promise<KeyFiles> {
  await mkdir(dir, { recursive: true });
  const privatePath = join(dir, 'private_key.pem');
  const publicPath = join(dir, 'public_key.pem');
  run('openssl', ['genpkey', ...keyOptions[kind], '-out', privatePath]);
  run('openssl', ['pkey', '-in', privatePath, '-pubout', '-out', publicPath]);
  return { privatePath, publicPath };
}

/**
 * Makes a real package and its signature in `dir` with tar, bzip2 and openssl, as a publisher without our tools would.
 * @param files path below the top folder to text; VERSION and an install_update.sh that does nothing are added
 */
export async function makePackage(
  dir: string,
  { version, files = {}, key }: { version: number; files?: Record<string, string>; key: KeyFiles },
): Promise<PackageFiles> {
  const work = await mkdtemp(join(tmpdir(), 'opq-package-'));
  const contents = { VERSION: `${version}\n`, 'install_update.sh': '#!/bin/sh\nexit 0\n', ...files };
  for (const [name, text] of Object.entries(contents)) {
    const path = join(work, packageFolder(version), name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    await chmod(path, name.endsWith('.sh') ? 0o755 : 0o644);
  }
  const path = join(dir, packageName(version));
  const signaturePath = join(dir, signatureName(version));
  run('tar', ['-cjf', path, '-C', work, packageFolder(version)]);
  run('openssl', ['dgst', '-sha256', '-sign', key.privatePath, '-out', join(work, 'binary.sig'), path]);
  run('openssl', ['base64', '-in', join(work, 'binary.sig'), '-out', signaturePath]);
  await rm(work, { recursive: true });
  return { path, signaturePath, bytes: await readFile(path) };
}

const run = (program: string, args: readonly string[]) => execFileSync(program, args, { stdio: 'pipe' });
