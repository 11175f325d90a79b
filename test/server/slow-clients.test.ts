import { mkdtemp, readdir, readFile, readlink, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { packageName, signatureName } from '../../protocol/version.ts';
import { runProgram } from './program.ts';
import { eventually } from './site.ts';

const megabyte = 1024 * 1024;
const packageBytes = 512 * megabyte;
const name = packageName(1_550_190_683);

let dir: string;
let server: ReturnType<typeof runProgram>;
let url: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'opq-updates-'));
  await writeFile(join(dir, name), '');
  await truncate(join(dir, name), packageBytes); // a file of zeros that takes no room on the disk
  await writeFile(join(dir, signatureName(1_550_190_683)), 'signature');
  server = runProgram({ port: 0, updates_dir: dir });
  url = await server.url();
});
afterEach(async () => {
  server.child.kill('SIGKILL');
  await server.ended;
  await rm(dir, { recursive: true });
});

it('reads a package no faster than the client, and gives the slow one all of it in the end', async () => {
  const client = await stalledClient();
  expect(await eventually(openPackages, (open) => open === 1)).toBe(1);
  const readBytes = await settledReading();
  // What fits into the buffers of the two sockets, and no more.
  expect(readBytes).toBeLessThan(packageBytes / 4);
  expect(await peakMemoryBytes()).toBeLessThan(packageBytes / 2);

  expect(await readAll(client)).toBeGreaterThan(packageBytes);
  expect(await peakMemoryBytes()).toBeLessThan(packageBytes / 2);
});

it('keeps answering others while many clients dawdle', async () => {
  const clients = await Promise.all(Array.from({ length: 50 }, () => stalledClient()));
  expect((await fetch(`${url}/version`)).status).toBe(200);
  expect(await peakMemoryBytes()).toBeLessThan(packageBytes);
  for (const client of clients) client.destroy();
});

it('closes the file when the client goes away in the middle', async () => {
  const clients = await Promise.all(Array.from({ length: 5 }, () => stalledClient()));
  expect(await eventually(openPackages, (open) => open === 5)).toBe(5);
  for (const client of clients) client.destroy();
  expect(await eventually(openPackages, (open) => open === 0)).toBe(0);
  server.child.kill('SIGTERM');
  const lines = (await server.ended).stdout.split('\n').filter((line) => / 200 cut \d+ ms /.test(line));
  expect(lines.map((line) => line.split(' ')[0])).toEqual(Array(5).fill('127.0.0.1'));
});

it('closes the files, and tells of each, when a client goes away that asked for many without waiting', async () => {
  const client = await stalledClient({ keepAlive: true, times: 15 });
  expect(await eventually(openPackages, (open) => open === 15)).toBe(15);
  client.destroy();
  expect(await eventually(openPackages, (open) => open === 0)).toBe(0);
  server.child.kill('SIGTERM');
  const { stdout, stderr } = await server.ended;
  expect(stdout.match(/ 200 cut /g)).toHaveLength(15);
  expect(stderr).toBe('');
});

it('leaves no file open after answers without a body', async () => {
  for (const headers of [{ 'if-match': '"x"' }, { range: `bytes=${packageBytes}-` }, { 'if-none-match': '*' }]) {
    await fetch(`${url}/${name}`, { headers });
  }
  await fetch(`${url}/${name}`, { method: 'HEAD' });
  expect(await eventually(openPackages, (open) => open === 0)).toBe(0);
});

it('goes on with a download whose package is withdrawn meanwhile', async () => {
  const client = await stalledClient();
  expect(await eventually(openPackages, (open) => open === 1)).toBe(1);
  await rename(join(dir, name), join(dir, 'withdrawn'));
  expect((await fetch(`${url}/version`)).status).toBe(404);
  expect(await readAll(client)).toBeGreaterThan(packageBytes);
});

it('breaks the connection when a package gets shorter while it is sent', async () => {
  const client = await stalledClient({ keepAlive: true });
  expect(await eventually(openPackages, (open) => open === 1)).toBe(1);
  await settledReading();
  await truncate(join(dir, name), 100);
  expect(await readAll(client)).toBeLessThan(packageBytes);
});

/** Asks for the package and reads nothing of the answer. */
function stalledClient({ keepAlive = false, times = 1 } = {}): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const connection = keepAlive ? 'keep-alive' : 'close';
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.pause();
    socket.on('error', (error: NodeJS.ErrnoException) => error.code === 'ECONNRESET' || reject(error));
    const asked = `GET /update/${name} HTTP/1.1\r\nHost: box\r\nConnection: ${connection}\r\n\r\n`;
    socket.write(asked.repeat(times), () => resolve(socket));
  });
}

/** Reads until the server closes the connection; gives the bytes that came, headers included. */
function readAll(client: Socket): Promise<number> {
  let gotBytes = 0;
  client.on('data', (chunk) => {
    gotBytes += chunk.length;
  });
  client.resume();
  return new Promise((resolve) => client.once('close', () => resolve(gotBytes)));
}

const proc = (file: string) => `/proc/${server.child.pid}/${file}`;

/** Bytes that the server has read from files and sockets in all, once that number rests. */
async function settledReading(): Promise<number> {
  let last = -1;
  const read = async () => Number(/^rchar: (\d+)/m.exec(await readFile(proc('io'), 'utf8'))?.[1]);
  await eventually(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      const seen = [last, await read()] as const;
      last = seen[1];
      return seen;
    },
    ([before, now]) => before === now && now > megabyte / 2,
  );
  return last;
}

const peakMemoryBytes = async () =>
  Number(/^VmHWM:\s+(\d+) kB/m.exec(await readFile(proc('status'), 'utf8'))?.[1]) * 1024;

async function openPackages(): Promise<number> {
  const links = await Promise.all((await readdir(proc('fd'))).map((fd) => readlink(proc(`fd/${fd}`)).catch(() => '')));
  return links.filter((link) => link.startsWith(dir)).length;
}
