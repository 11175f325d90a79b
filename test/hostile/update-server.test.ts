import { symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { packageName, signatureName } from '../../protocol/version.ts';
import { runProgram } from '../server/program.ts';
import { report } from './hostile-box.ts';
import { boundMb, pssMb } from './memory.ts';
import { dawdlers, saysTo, statusOf } from './raw.ts';
import { clientAttacks } from './update-server-attacks.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const version = 1_550_000_009;
const secret = 'precious';

let dir: string;
let server: ReturnType<typeof runProgram>;
let where: { host: string; port: number };
let idleMb: number;
let peakMb = 0;
const look = setInterval(() => {
  peakMb = Math.max(peakMb, pssMb(server?.child.pid ?? 0));
}, 50);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'opq-'));
  const updates = join(dir, 'updates');
  await mkdir(updates);
  const put = (name: string, text: string) => writeFileSync(join(updates, name), text);
  put(packageName(version), 'package');
  put(signatureName(version), 'signature');
  put('version.json', `{"version":${version}}\n`);
  put('.htpasswd', secret);
  put('private_key.pem', secret);
  put(`${packageName(version + 2)}.0a1b2c3d.new`, secret); // as a publishing leaves it that was cut off
  writeFileSync(join(dir, 'secret'), secret);
  symlinkSync(join(dir, 'secret'), join(updates, packageName(version + 1)));
  put(signatureName(version + 1), 'signature');
  server = runProgram({ port: 0, updates_dir: updates, host: '127.0.0.1' });
  const { hostname, port } = new URL(await server.url());
  where = { host: hostname, port: Number(port) };
  await expectWell();
  idleMb = pssMb(server.child.pid!);
});
afterAll(async () => {
  clearInterval(look);
  server.child.kill('SIGKILL');
  await server.ended;
  await rm(dir, { recursive: true });
});

const asked = 'GET /version HTTP/1.1\r\nHost: server\r\n';

async function expectWell(): Promise<void> {
  expect(await saysTo(where, `${asked}Connection: close\r\n\r\n`)).toMatch(new RegExp(`^HTTP/1.1 200 [^]*${version}$`));
  expect(server.child.exitCode).toBeNull();
}

describe('The update server refuses from its clients', () => {
  it.for(clientAttacks)('$what', async ({ request, status }) => {
    const answer = await saysTo(where, request);
    expect(statusOf(answer)).toBe(status);
    expect(answer).not.toMatch(/precious|root:x:|node_modules|\.ts:\d/);
    await expectWell();
  });

  it.for([
    ['requests that never end', 500, `${asked}x: `],
    ['connections that say nothing', 1000, ''],
    ['bodies that never end', 200, 'POST /version HTTP/1.1\r\nHost: server\r\ncontent-length: 1000000000\r\n\r\n'],
    ['a thousand requests in one connection', 20, `${asked}\r\n`.repeat(1000)],
  ] as const)('to be held up by %s', async ([, count, beginning]) => {
    const lines = await dawdlers(where, count, beginning);
    await expectWell();
    for (const line of lines) line.destroy();
    await expectWell();
  });
});

it('tells no secret in its log, keeps each answer on its line, and stays within its memory', async () => {
  report({ name: 'update server', idleMb, peakMb });
  expect(peakMb).toBeLessThan(idleMb + boundMb(200));
  server.child.kill('SIGKILL');
  const { stdout, stderr } = await server.ended;
  expect(stdout + stderr).not.toContain('canary');
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  expect(stderr).toBe('');
});
