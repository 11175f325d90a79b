import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { newVersion, release, releaseJson, tempFolder, writeTree } from './program.ts';

/** False where nobody may make a namespace, as in some containers: said aloud, as nothing is shown then. */
export const mayRehearse = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0;
if (!mayRehearse) console.warn('NOT TESTED: dry-run and crashtest, as no user namespace is allowed here');

/** The tree of a box, as a copy of it lies on the publisher's machine. */
export const boxTree = (files: Readonly<Record<string, string>> = {}): string =>
  writeTree(tempFolder(), { 'usr/local/box-config-daemon/VERSION': '1\n', 'etc/opq/box.json': '{}\n', ...files });

/** A package whose install_update.sh holds these lines, below `set -e`. */
export function packageOf(lines: readonly string[], files: Readonly<Record<string, string>> = {}): string {
  const script = ['#!/bin/sh', 'set -e', ...lines, ''].join('\n');
  const folder = tempFolder();
  const content = writeTree(join(folder, 'content'), { ...files, 'install_update.sh': script });
  return releaseJson(['build', content, '--out', join(folder, 'out'), '--version', String(newVersion)]).package;
}

/** The document of a verb, with its exit code. */
export function document(args: readonly string[]) {
  const { exit, stdout, stderr } = release([...args, '--json']);
  if (stdout === '') throw new Error(`opq-release ${args.join(' ')} said nothing: ${stderr}`);
  return { exit, ...JSON.parse(stdout) };
}
