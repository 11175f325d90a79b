import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as forward } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { getSmall, type Network } from '../../../daemon/channel/http.ts';
import { makeAuthority, makeCertificate } from '../../support/certificates.ts';
import { codeOf } from '../../support/error-of.ts';
import { flakyServer, rawServer, saying } from '../../support/flaky-server.ts';

const dir = mkdtempSync(join(tmpdir(), 'opq-proxy-'));
afterAll(() => rmSync(dir, { recursive: true }));
const authority = makeAuthority(dir);
const good = makeCertificate(dir, 'good');

const small = (url: string, proxyUrl: string, silenceMs?: number) => {
  const network: Network = { caPath: authority.certPath, proxyUrl, userAgent: 'opq-updater/test' };
  return getSmall(url, silenceMs === undefined ? network : { ...network, silenceMs }, 100);
};

/** A proxy as they are found in companies: forwards http, tunnels https. */
async function proxy(): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = [];
  const open = new Set<Socket>();
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    const { host } = new URL(request.url!);
    const onward = forward(request.url!, { headers: { ...request.headers, host }, agent: false }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end()).end();
  });
  server.on('connect', (request, client: Socket) => {
    seen.push(`${request.method} ${request.url}`);
    const [host, port] = request.url!.split(':');
    const onward = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(client).pipe(onward);
    });
    for (const socket of [client, onward]) open.add(socket.on('error', () => client.destroy()) as Socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

it('reaches a server over http through proxy_url', async () => {
  const server = await flakyServer(saying('hello'));
  const { url, seen } = await proxy();
  expect((await small(`${server.url}/version.json`, url))?.toString()).toBe('hello');
  expect(seen).toEqual([`GET ${server.url}/version.json`]);
  expect(server.headers[0]).toMatchObject({ 'accept-encoding': 'identity', 'user-agent': 'opq-updater/test' });
});

it('shows a proxy the name and password of proxy_url', async () => {
  const server = await flakyServer(saying('hello'));
  const { url, seen } = await proxy();
  await small(`${server.url}/`, url.replace('//', '//box:s%20cret@'));
  const basic = Buffer.from('box:s cret').toString('base64');
  expect(seen).toEqual([`GET ${server.url}/ Basic ${basic}`]);
});

it('reaches a server over https through a tunnel, and judges its certificate there', async () => {
  const server = await flakyServer(saying('hello'), good);
  const { url, seen } = await proxy();
  expect((await small(`${server.url}/version.json`, url))?.toString()).toBe('hello');
  expect(seen).toEqual([`CONNECT ${new URL(server.url).host}`]);
  const impostor = await flakyServer(saying('evil'), makeAuthority(dir, 'impostor'));
  expect(await codeOf(small(impostor.url, url))).toBe('TLS_FAILED');
  expect(impostor.asked).toEqual([]);
});

it('never takes what a proxy says for what the server says', async () => {
  const server = await flakyServer(saying('hello'), good);
  for (const status of [302, 407, 502]) {
    const says = `HTTP/1.1 ${status} No\r\nlocation: ${server.url}/evil\r\ncontent-length: 4\r\n\r\nevil`;
    const refusing = await rawServer((socket) => socket.once('data', () => socket.end(says)));
    expect(await codeOf(small(server.url, refusing.url))).toMatch(/^(SERVER_ERROR|NOT_OUR_SERVER)$/);
  }
  expect(server.asked).toEqual([]);
});

it.each(['http', 'https'])('gives up on a proxy that says nothing, for %s', async (protocol) => {
  const { url } = await rawServer(() => {});
  expect(await codeOf(small(`${protocol}://updates.example/version.json`, url, 300))).toBe('SERVER_UNREACHABLE');
});

it('says that nobody is there when the proxy is gone', async () => {
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const url = `http://127.0.0.1:${(gone.address() as AddressInfo).port}`;
  gone.close();
  await once(gone, 'close');
  expect(await codeOf(small('http://updates.example/', url))).toBe('SERVER_UNREACHABLE');
  expect(await codeOf(small('https://updates.example/', url))).toBe('SERVER_UNREACHABLE');
});
