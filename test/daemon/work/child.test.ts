import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { childWorker } from '../../../daemon/work/child.ts';
import type { Worker } from '../../../daemon/work/worker.ts';
import { aRelease } from '../../support/a-release.ts';
import { codeOf } from '../../support/error-of.ts';
import { type FlakyServer, flakyServer, saying } from '../../support/flaky-server.ts';
import { type KeyFiles, makeKey } from '../../support/packages.ts';
import { cliPath } from '../../support/run-cli.ts';
import { testTop, testVersion } from '../../support/tar-bytes.ts';
import { until } from '../../support/until.ts';

const keysDir = mkdtempSync(join(tmpdir(), 'opq-keys-'));
afterAll(() => rmSync(keysDir, { recursive: true }));
let key: KeyFiles;
beforeAll(async () => {
  key = await makeKey(keysDir);
});

function worker(script = cliPath): Worker {
  const here = childWorker(script);
  onTestFinished(() => here.close());
  return here;
}

const network = { caPath: null, proxyUrl: null, userAgent: 'opq-updater/test' };
const tuf = { dir: '', factoryRoot: '', hardware: null, nowMs: 0, known: false };
const asking = ({ url }: FlakyServer) => ({
  channel: 'detached' as const,
  url,
  versionFile: 'version.json',
  network,
  trust: { keyPems: [], hardware: null, nowS: 0 },
  tuf,
});
const offering = () => flakyServer(saying(`{"version":${testVersion}}`));

/** A server that holds whoever asks it: a task for as long as a test needs one. */
async function holding(): Promise<{ server: FlakyServer; asked: Promise<ServerResponse> }> {
  let held: (response: ServerResponse) => void;
  const asked = new Promise<ServerResponse>((resolve) => {
    held = resolve;
  });
  return { server: await flakyServer((_, response) => held(response)), asked };
}

/** The workers of this process. */
function workers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const parent = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        return Number(parent) === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('\0worker');
      } catch {
        return false; // it ended meanwhile
      }
    })
    .map(Number);
}

it('brings back what a task found, what it reports, and the code of what went wrong', async () => {
  const here = worker();
  expect(await here.do('latest', asking(await offering()))).toMatchObject({ version: testVersion });
  const { job } = await aRelease(key, { large: 'x'.repeat(1_000_000) });
  const seen: unknown[] = [];
  const release = await here.do('verify', job, { report: (progress) => seen.push(progress) });
  expect(release).toMatchObject({ entryCount: 3, notes: null });
  expect(seen).toContainEqual(expect.objectContaining({ unit: 'bytes', total: (await readFile(job.path)).length }));
  await writeFile(job.path, 'evil');
  expect(await codeOf(here.do('verify', job))).toBe('SIGNATURE_INVALID');
  expect(await codeOf(here.do('verify', { ...job, path: join(job.folder, 'none') }))).toBe('INTERNAL');
  expect(workers()).toHaveLength(1);
});

it('decodes by what is built in, too, as the bundle has it', async () => {
  const { job } = await aRelease(key, { a: 'a'.repeat(1000) });
  const here = worker();
  await here.do('verify', { ...job, decoder: 'builtin' });
  await here.do('unpack', { ...job, decoder: 'builtin' });
  expect(await readFile(join(job.folder, testTop, 'a'), 'utf8')).toBe('a'.repeat(1000));
});

it('keeps what it verified until it is closed', async () => {
  const { job } = await aRelease(key, { a: 'a' });
  const here = worker();
  await here.do('verify', job);
  await writeFile(job.path, 'evil');
  await here.do('unpack', job);
  expect(await readFile(join(job.folder, testTop, 'a'), 'utf8')).toBe('a');

  const again = await aRelease(key, { a: 'a' });
  await here.do('verify', again.job);
  await writeFile(again.job.path, 'evil');
  here.close();
  expect(await codeOf(here.do('unpack', again.job))).toBe('SIGNATURE_INVALID');
});

it('survives the death of the worker in the middle of a task, and starts another', async () => {
  const here = worker();
  const { server, asked } = await holding();
  const doing = codeOf(here.do('latest', asking(server)));
  await asked;
  process.kill(workers()[0]!, 'SIGKILL');
  expect(await doing).toBe('INTERNAL');
  expect(await here.do('latest', asking(await offering()))).toMatchObject({ version: testVersion });
});

it('survives the death of the worker between two tasks', async () => {
  const here = worker();
  await here.do('latest', asking(await offering()));
  const [pid] = workers();
  process.kill(pid!, 'SIGKILL');
  await until('the worker to be gone', () => !existsSync(`/proc/${pid}`));
  expect(await here.do('latest', asking(await offering()))).toMatchObject({ version: testVersion });
});

it('ends at once when it is cancelled, and the worker with it', async () => {
  const here = worker();
  const { server, asked } = await holding();
  const cancel = new AbortController();
  const doing = codeOf(here.do('latest', asking(server), { signal: cancel.signal }));
  const hungUp = once(await asked, 'close');
  cancel.abort();
  expect(await doing).toBe('CANCELLED');
  await hungUp;
  expect(await codeOf(here.do('latest', asking(server), { signal: cancel.signal }))).toBe('CANCELLED');
  expect(await here.do('latest', asking(await offering()))).toMatchObject({ version: testVersion });
});

it('says so when no worker can be started', async () => {
  expect(await codeOf(worker(join(keysDir, 'none.js')).do('latest', asking(await offering())))).toBe('INTERNAL');
});

it('does not outlive a daemon that is killed: the next one writes the same files', async () => {
  const { server, asked } = await holding();
  const request = { task: 'latest', input: asking(server) };
  const program = `
    const child = require('node:child_process').fork(${JSON.stringify(cliPath)}, ['worker']);
    child.send(${JSON.stringify(request)});
    setInterval(() => {}, 1000);`;
  const daemon = spawn(process.execPath, ['-e', program], { stdio: 'ignore' });
  onTestFinished(() => void daemon.kill('SIGKILL'));
  const hungUp = once(await asked, 'close');
  daemon.kill('SIGKILL');
  await hungUp;
});
