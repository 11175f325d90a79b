import { expect, it } from 'vitest';
import { run } from '../../../daemon/box/run.ts';

it('tells how a program ended, and what it said', async () => {
  const ran = await run('sh', ['-c', 'echo one; echo two >&2; exit 3'], { timeoutMs: 60_000 });
  expect(ran).toMatchObject({ exitCode: 3, stdout: 'one\n', stderr: 'two\n' });
});

it('is back when a program has ended, though another one that it left behind holds its output', async () => {
  const left = await run('sh', ['-c', 'sleep 50 & echo $!'], { timeoutMs: 60_000 });
  // Alive still: it was not waited for.
  process.kill(Number(left.stdout), 'SIGKILL');
  expect(left.exitCode).toBe(0);
});

it('is back when the time is over, though what the program started holds its output', async () => {
  const left = await run('sh', ['-c', 'sleep 50 & echo $!; wait'], { timeoutMs: 500 });
  process.kill(Number(left.stdout), 'SIGKILL');
  expect(left.exitCode).toBe(null);
});

it('keeps the end of what a program says that cannot stop talking', async () => {
  const { stdout, exitCode } = await run('sh', ['-c', 'seq 200000; echo end'], { timeoutMs: 60_000 });
  expect(exitCode).toBe(0);
  expect(stdout.length).toBeLessThan(300_000);
  expect(stdout.endsWith('200000\nend\n')).toBe(true);
});

it('says what is wrong with a program that cannot be started', async () => {
  const { exitCode, output } = await run('/nowhere/at-all', [], { timeoutMs: 1000 });
  expect(exitCode).toBe(null);
  expect(output).toContain('ENOENT');
});
