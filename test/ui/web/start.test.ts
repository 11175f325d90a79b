import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { saysTo } from '../../hostile/raw.ts';
import { makeAuthority, makeCertificate } from '../../support/certificates.ts';
import { fakeDaemon } from '../../support/fake-daemon.ts';
import { startPage } from '../../support/page-server.ts';

const program = fileURLToPath(new URL('../../../dist/opq-updater-ui.js', import.meta.url));
const folder = () => {
  const made = mkdtempSync(join(tmpdir(), 'opq-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
};

it('speaks https where it has a certificate, and its cookie goes over nothing else', async () => {
  const made = folder();
  const { cert: ca } = makeAuthority(made);
  const { certPath } = makeCertificate(made, 'page', { host: 'DNS:localhost' });
  const key_path = join(made, 'page.key');
  const daemon = await fakeDaemon({}, { control: 0o600, page: 0o660 });
  const page = await startPage(daemon.root, { settings: { certificate_path: certPath, key_path } });
  onTestFinished(() => page.stop());
  expect(page.url.protocol).toBe('https:');
  const host = `localhost:${page.url.port}`;
  const headers = { host, origin: `https://${host}`, 'content-type': 'application/json' };
  const where = { host: '127.0.0.1', port: page.url.port, servername: 'localhost', ca };
  const sent = request({ ...where, method: 'POST', path: '/api/login', headers, agent: false });
  sent.end(JSON.stringify({ pin: await page.pin(), new_password: 'correct horse' }));
  const [response] = await once(sent, 'response');
  expect(JSON.parse(await text(response))).toMatchObject({ signed_in: true, https: true });
  expect(response.headers['set-cookie'][0]).toContain('; Secure; ');
  expect(await saysTo({ host: '127.0.0.1', port: Number(page.url.port) }, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')).toBe(
    '',
  );
});

it('answers to the names that its owner adds, and to its own', async () => {
  const daemon = await fakeDaemon();
  const page = await startPage(daemon.root, { settings: { host_names: ['Box7.Example'] } });
  onTestFinished(() => page.stop());
  const statusUnder = async (host: string) => (await page.says({ path: '/', headers: { host } })).status;
  for (const host of ['box7.example', 'BOX7.example:80', 'localhost', '127.0.0.1:1'])
    expect(await statusUnder(host)).toBe(200);
  for (const host of ['box7', 'box7.example.', '192.0.2.1', '[::1]']) expect(await statusUnder(host)).toBe(421);
});

it('takes the socket that systemd has opened, and ends itself when nobody is there any more', async () => {
  const daemon = await fakeDaemon();
  const page = await startPage(daemon.root);
  await page.stop();
  // What systemd does: a socket as file descriptor 3, and words about it for that process alone.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const script = `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"`;
  const words = [
    process.execPath,
    program,
    '--root',
    daemon.root,
    '--page',
    join(daemon.root, 'page'),
    '--idle-s',
    '1',
  ];
  const child = spawn('sh', ['-c', script, ...words], { stdio: ['ignore', 'pipe', 'pipe', fd] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  await once(child.stdout!, 'data');
  server.close();
  const answer = await saysTo(
    { host: '127.0.0.1', port },
    `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1.1 200 /);
  expect(await ended).toEqual([0, null]);
});

it.each([
  ['a key that nobody knows', { port: 80 }],
  ['a certificate without its key', { certificate_path: '/etc/page.pem' }],
  ['a certificate that is not there', { certificate_path: '/none.pem', key_path: '/none.key' }],
  ['a name that is an address of more', { host_names: ['a b'] }],
])('says what is wrong with page.json: %s', async (_, settings) => {
  const daemon = await fakeDaemon();
  await expect(startPage(daemon.root, { settings })).rejects.toThrow(/CONFIG_INVALID/);
});

it('says that the page was not built', async () => {
  const empty = folder();
  writeFileSync(join(empty, 'notes.txt'), '');
  const child = spawn(process.execPath, [program, '--root', empty, '--page', empty], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  expect(await text(child.stderr!)).toContain('NOT_FOUND');
});
