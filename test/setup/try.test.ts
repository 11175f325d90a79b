import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../setup/try.sh', import.meta.url));

async function tryOnce(dir: string, ...options: string[]): Promise<{ exitCode: number | null; output: string }> {
  const child = spawn('sh', [script, '--once', ...options], {
    env: { ...process.env, OPQ_TRY_DIR: dir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { exitCode, output: output + errors };
}

it('shows the main job: an update confirmed, nothing to do, and a bad release put back', {
  timeout: 240_000,
}, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'opq-try-'));
  const installed = async () => (await readFile(join(dir, 'box/usr/local/box-config-daemon/VERSION'), 'utf8')).trim();
  try {
    const first = await tryOnce(dir);
    expect(first, first.output).toMatchObject({ exitCode: 0 });
    expect(first.output).toMatch(/Outcome: updated from 1 to \d{10} /);
    const good = await installed();
    expect(Number(good)).toBeGreaterThan(1);

    const second = await tryOnce(dir);
    expect(second, second.output).toMatchObject({ exitCode: 0 });
    expect(second.output).toContain(`Outcome: up to date with version ${good}`);

    const bad = await tryOnce(dir, '--bad-release');
    expect(bad, bad.output).toMatchObject({ exitCode: 6 });
    expect(bad.output).toContain(`the box runs version ${good} as before`);
    expect(await installed()).toBe(good);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

it('stays up with a page that has something to install, until it is ended', { timeout: 240_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'opq-try-'));
  const child = spawn('sh', [script], {
    env: { ...process.env, OPQ_TRY_DIR: dir },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let output = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      output += chunk;
      if (output.includes('Ctrl-C ends them all.')) break;
    }
    expect(output).toMatch(/Outcome: updated from 1 to \d{10} /);
    const { status } = await fetch(/Page: (http\S+)/.exec(output)![1]!);
    expect(status).toBe(200);
    const updater = fileURLToPath(new URL('../../dist/opq-updater.js', import.meta.url));
    const shown = await text(spawn('node', [updater, 'status', '--json', '--root', join(dir, 'box')]).stdout);
    const { available, installed } = JSON.parse(shown);
    expect(available.version).toBeGreaterThan(installed);
  } finally {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'close');
    await rm(dir, { recursive: true, force: true });
  }
});

it('says what is wrong with an option', async () => {
  const { exitCode, output } = await tryOnce(tmpdir(), '--twice');
  expect(exitCode).toBe(2);
  expect(output).toContain('usage: sh setup/try.sh');
});
