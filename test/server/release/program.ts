import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { parseReleaseFile } from '../../../protocol/release-file.ts';

export const programPath = fileURLToPath(new URL('../../../dist/opq-release.js', import.meta.url));

export interface Ended {
  readonly exit: number | null;
  readonly stdout: string;
  /** The word after `opq-release: ` on the error output. */
  readonly code: string | undefined;
  readonly stderr: string;
}

/** Runs opq-release as a publisher does, to its end. */
export function release(args: readonly string[], how: { cwd?: string; env?: Record<string, string> } = {}): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [programPath, ...args], {
    cwd: how.cwd,
    env: { PATH: process.env.PATH, ...how.env },
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return { exit: status, stdout, stderr, code: /^opq-release: ([A-Z_]+) /.exec(stderr)?.[1] };
}

/** The same, for what must work: its `--json` result. */
export function releaseJson(args: readonly string[], how?: { cwd?: string; env?: Record<string, string> }) {
  const { exit, stdout, stderr } = release([...args, '--json'], how);
  if (exit !== 0) throw new Error(`opq-release ${args.join(' ')} ended with ${exit}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Started, to be killed in the middle. */
export const startRelease = (args: readonly string[]) =>
  spawn(process.execPath, [programPath, ...args], { stdio: 'ignore' });

export function tempFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'opq-release-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Writes files (name to text) below a folder; names that end in `.sh` may be run by their owner. */
export function writeTree(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, name.endsWith('.sh') ? 0o755 : 0o644);
  }
  return folder;
}

export const smallContent = {
  'install_update.sh': '#!/bin/sh\nset -eu\ncp VERSION /usr/local/box-config-daemon/VERSION\n',
  'box-config-daemon/run.sh': '#!/bin/sh\nexec sleep 60\n',
};

export const oldVersion = 1550190683;
export const newVersion = 1550190999;
export const nameOf = (version: number) => `opq-box-update-${version}.tar.bz2`;

/** A publisher's desk in a folder of its own: a key pair, and packages as they are asked for. */
export function desk() {
  const root = tempFolder();
  const at = (...parts: string[]) => join(root, ...parts);
  releaseJson(['keygen', at('keys')]);
  const updates = at('updates');
  return {
    at,
    updates,
    privateKey: at('keys/private_key.pem'),
    publicKey: at('keys/public_key.pem'),
    /** Builds a package and gives its path. */
    build(version: number, files: Readonly<Record<string, string>> = {}): string {
      const content = writeTree(at(`content-${version}`), { ...smallContent, ...files });
      return releaseJson(['build', content, '--out', at('packages'), '--version', String(version)]).package;
    },
    publish: (path: string, ...more: string[]) =>
      release(['publish', path, '--to', updates, '--key', at('keys/private_key.pem'), ...more]),
    /** The version that version.json names, or undefined when there is no version.json. */
    named: () => {
      const path = join(updates, 'version.json');
      return existsSync(path) ? parseReleaseFile(readFileSync(path)).version : undefined;
    },
  };
}

/** What the 2018 updater does to a package: `openssl base64 -d`, `openssl dgst -sha256 -verify`. */
export function opensslVerifies(packagePath: string, publicKey: string): boolean {
  const binary = join(tempFolder(), 'sig');
  execFileSync('openssl', ['base64', '-d', '-in', `${packagePath}.sig`, '-out', binary]);
  return (
    spawnSync('openssl', ['dgst', '-sha256', '-verify', publicKey, '-signature', binary, packagePath]).status === 0
  );
}

/** Signs as a publisher without our tool does. */
export function opensslSigns(packagePath: string, privateKey: string): void {
  const binary = join(tempFolder(), 'sig');
  execFileSync('openssl', ['dgst', '-sha256', '-sign', privateKey, '-out', binary, packagePath]);
  execFileSync('openssl', ['base64', '-in', binary, '-out', `${packagePath}.sig`]);
}
