import { mkdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageName } from '../../protocol/version.ts';
import { openSite } from './site.ts';

const name = packageName(1_550_190_683);
const secret = 'root:x:0:0';

let site: Awaited<ReturnType<typeof openSite>>;
beforeAll(async () => {
  site = await openSite();
  await site.publish(1_550_190_683);
  // One folder above the updates, and one below, hold what must stay there.
  await writeFile(`${site.dir}.secret`, secret);
  await mkdir(join(site.dir, 'below'));
  await writeFile(join(site.dir, 'below', name), secret);
  await writeFile(join(site.dir, '.htpasswd'), secret);
});
afterAll(async () => {
  await site.close();
  await rm(`${site.dir}.secret`);
});

describe('a path that a client would tidy up, sent as it is', () => {
  const targets: readonly string[] = [
    '/update/../../etc/passwd',
    '/../../../../../../etc/passwd',
    '/..%2f..%2f..%2fetc%2fpasswd',
    '/update/..%2F..%2Fetc%2Fpasswd',
    '/update/%2e%2e/%2e%2e/etc/passwd',
    '/update/%252e%252e%252fetc%252fpasswd',
    '/update/..\\..\\etc\\passwd',
    '/update/..%5c..%5cetc%5cpasswd',
    '/update/%c0%ae%c0%ae%c0%afetc%c0%afpasswd',
    '/update//etc/passwd',
    '/update/%2Fetc%2Fpasswd',
    `/update/..%2fABOVE`,
    `/..%2fABOVE`,
    `/update/${name}%00`,
    `/update/${name}%00.sig`,
    `/update/%00${name}`,
    `/update/${name}%0a`,
    `/update/${name}/`,
    `/update/${name}/..`,
    `/update/./${name}`,
    `/update/below/${name}`,
    `/update/below%2f${name}`,
    `/update/.%2f${name}`,
    `/update/${name}.sig.sig`,
    `/update/${name}.SIG`,
    `/update/${name}%`,
    `/update/%`,
    '/update/.htpasswd',
    '/.htpasswd',
    '/update/1550190683e0',
    '/update/01550190683',
    '/update/+1550190683',
    '/update/1550190683.0',
    '/update/__proto__',
    '/constructor',
    '/update/',
    '/update',
    '/LONG',
  ];

  it.each(targets)('%s is not found, and nothing is told', async (target) => {
    const path = target.replace('ABOVE', `${basename(site.dir)}.secret`).replace('LONG', 'a'.repeat(8_000));
    const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toMatch(/\r\n\r\nResource not found\.\n$/);
  });
});

describe('what is not quite HTTP', () => {
  const rest = 'HTTP/1.1\r\nHost: box\r\nConnection: close\r\n';
  const requests = {
    'a NUL in the path': `GET /update/${name}\u0000 ${rest}\r\n`,
    'a NUL in a header': `GET /update/${name} ${rest}Range: bytes=0-0\u0000\r\n\r\n`,
    'a path without a slash': `GET update/${name} ${rest}\r\n`,
    'a path that never ends': `GET /${'a'.repeat(40_000)} ${rest}\r\n`,
    'an address that is none': `GET http://[::1 ${rest}\r\n`,
    'the start of TLS': '\u0016\u0003\u0001\u0002\u0000\u0001\u0000',
  };
  it.each(Object.entries(requests))('%s gets a refusal and no file', async (_, request) => {
    const answer = await raw(request);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(answer).not.toMatch(/package 1550190683| at |\/server\//);
  });

  it('understands the absolute form that proxies send', async () => {
    const answer = await raw('GET http://elsewhere/version HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\n1550190683$/);
  });

  it('never takes a redirect target from the request', async () => {
    const answer = await raw('GET //evil.example/latest HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    const latest = await raw('GET /latest HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n');
    expect(latest).toContain(`\r\nLocation: /update/${name}\r\n`);
  });
});

/** Everything that the server says to these bytes until it closes the connection. */
function raw(request: string): Promise<string> {
  const { hostname, port } = new URL(site.url);
  return new Promise((resolve, reject) => {
    let said = '';
    const socket = connect(Number(port), hostname, () => socket.write(request, 'latin1'));
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
    });
    // The server may close while the end of a refused request is still on its way.
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? resolve(said) : reject(error)));
    socket.on('close', () => resolve(said));
  });
}
