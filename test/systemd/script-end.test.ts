import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { neverStarted, readScriptEnd } from '../../daemon/box/script-end.ts';

const program = fileURLToPath(new URL('../../systemd/script-end.sh', import.meta.url));
const shells = { dash: ['dash'], busybox: ['busybox', 'sh'] } as const;

describe.each(Object.entries(shells))('under %s', (_, [shell, ...args]) => {
  /** What is read of it afterwards, with what systemd hands to ExecStopPost=. */
  async function recorded(environment: Record<string, string>) {
    const folder = await mkdtemp(join(tmpdir(), 'opq-end-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'script-end');
    await writeFile(`${file}.room`, 'room');
    const { status } = spawnSync(shell!, [...args, program, file], { env: { PATH: process.env.PATH, ...environment } });
    expect(status).toBe(0);
    expect(await readdir(folder)).toEqual(['script-end']);
    return readScriptEnd(file);
  }

  it.each([
    ['its end', { SERVICE_RESULT: 'success', EXIT_CODE: 'exited', EXIT_STATUS: '0' }, 0, false],
    ['a failure', { SERVICE_RESULT: 'exit-code', EXIT_CODE: 'exited', EXIT_STATUS: '3' }, 3, false],
    ['a kill', { SERVICE_RESULT: 'timeout', EXIT_CODE: 'killed', EXIT_STATUS: 'KILL' }, null, false],
    ['a box without its folders', { SERVICE_RESULT: 'exit-code', EXIT_CODE: 'exited', EXIT_STATUS: '226' }, 226, true],
  ])('writes down %s of the script', async (_what, environment, exitCode, never) => {
    const record = await recorded(environment);
    expect(record).toEqual({ exitCode, result: environment.SERVICE_RESULT });
    expect(neverStarted(record)).toBe(never);
  });

  it('has nothing to tell of a script of which systemd knows nothing', async () => {
    expect(neverStarted(await recorded({ SERVICE_RESULT: 'resources' }))).toBe(true);
  });
});
