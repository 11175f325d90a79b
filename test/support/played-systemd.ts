import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';

/**
 * Programs of systemd that are played by shell scripts, first in PATH. Each call is written down, one a line.
 * @param programs name to script; `$played` is a folder of the test's own
 */
export async function playSystemd(programs: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'opq-played-'));
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });
  vi.stubEnv('PATH', `${folder}:${process.env.PATH}`);
  const play = async (name: string, script: string) => {
    const path = join(folder, name);
    const told = `printf '%s' "${name}" >>"$played/calls"; printf ' %s' "$@" >>"$played/calls"; echo >>"$played/calls"`;
    await writeFile(path, `#!/bin/sh\nplayed=${folder}\n${told}\n${script}\n`);
    await chmod(path, 0o755);
  };
  for (const [name, script] of Object.entries(programs)) await play(name, script);
  return {
    folder,
    play,
    /** What was called so far, in order. */
    calls: async (): Promise<string[]> =>
      (await readFile(join(folder, 'calls'), 'utf8').catch(() => '')).split('\n').filter(Boolean),
  };
}
