import { describe, expect, it } from 'vitest';
import { join, latestOffer } from '../../../daemon/channel/detached.ts';
import { packageName, signatureName } from '../../../protocol/version.ts';
import { codeOf } from '../../support/error-of.ts';
import { type Act, flakyServer, pages, saying } from '../../support/flaky-server.ts';

const network = { caPath: null, proxyUrl: null, userAgent: 'opq-updater/test' };
const ask = (url: string, versionFile = 'version.json') => latestOffer({ url, versionFile, network });
const version = 1550190683;

/** A server with these pages: what it offers, or the code. */
async function offered(rows: Readonly<Record<string, string | Buffer | Act>>): Promise<unknown> {
  const { url } = await flakyServer(pages(rows));
  return ask(url).then(
    (offer) => offer?.version ?? null,
    (error) => error.code,
  );
}

describe('a release file', () => {
  it('says what is newest; where it lies follows from its version and the address of the server', async () => {
    const file = {
      version,
      package: packageName(version),
      signature: signatureName(version),
      public_key: 'public_key.pem',
      size: 12,
      sha256: 'ab'.repeat(32),
      hardware: ['rpi/3'],
      notes: 'Faster.',
    };
    const server = await flakyServer(pages({ '/boxes/version.json': JSON.stringify(file) }));
    for (const base of [`${server.url}/boxes`, `${server.url}/boxes/`]) {
      expect(await ask(base)).toEqual({
        version,
        packageUrl: `${server.url}/boxes/${packageName(version)}`,
        signatureUrl: `${server.url}/boxes/${signatureName(version)}`,
        sizeBytes: 12,
        sha256: 'ab'.repeat(32),
        hardware: ['rpi/3'],
        notes: 'Faster.',
      });
    }
    expect(server.asked).toEqual(['GET /boxes/version.json', 'GET /boxes/version.json']);
  });

  it('may hold the version alone, and have another name', async () => {
    const server = await flakyServer(pages({ '/newest': `{"version":${version}}` }));
    expect(await ask(server.url, 'newest')).toMatchObject({ version, sizeBytes: null, hardware: null });
  });

  const refused: [string, string | Act, string][] = [
    [
      'names the package of another release',
      `{"version":${version},"package":"${packageName(1550190999)}"}`,
      'RELEASE_FILE_INVALID',
    ],
    ['names a package elsewhere', `{"version":${version},"package":"../../etc/passwd"}`, 'RELEASE_FILE_INVALID'],
    ['has its version as text', `{"version":"${version}"}`, 'RELEASE_FILE_INVALID'],
    ['is empty', '', 'RELEASE_FILE_INVALID'],
    ['is ten megabytes of [', '['.repeat(10_000_000), 'SIZE_MISMATCH'],
    ['is the log-in page of a Wi-Fi', '<html><body>Please log in</body></html>', 'NOT_OUR_SERVER'],
    ['is that page behind a redirect', saying('', 302, { location: 'http://login.example/' }), 'NOT_OUR_SERVER'],
    ['is withheld until someone logs in', saying('', 511), 'NOT_OUR_SERVER'],
    ['cannot be had now', saying('', 503), 'SERVER_ERROR'],
  ];
  it.each(refused)('that %s is no offer, and nothing else is asked for', async (_, page, code) => {
    const server = await flakyServer(pages({ '/version.json': page, '/version': String(version) }));
    expect(await codeOf(ask(server.url))).toBe(code);
    expect(server.asked).toEqual(['GET /version.json']);
  });
});

describe('a server of the old kind', () => {
  it.each([`${version}`, `${version}\n`, ` ${version}\r\n`])('says its version as text: %j', async (text) => {
    const server = await flakyServer(pages({ '/version': text }));
    expect(await ask(server.url)).toEqual({
      version,
      packageUrl: `${server.url}/update/${version}`,
      signatureUrl: `${server.url}/update/${version}.sig`,
      sizeBytes: null,
      sha256: null,
      hardware: null,
      notes: null,
    });
    expect(server.asked).toEqual(['GET /version.json', 'GET /version']);
  });

  const odd = [
    '',
    'none',
    '0',
    '-1',
    `${version}.0`,
    `${version}e0`,
    '0x1F',
    `0${version}`,
    '12345678',
    '1'.repeat(13),
  ];
  it.each([...odd, `${version} ${version}`, '<html>Please log in</html>'])(
    'is not ours when its version is %j',
    async (text) => {
      expect(await offered({ '/version': text, '/ls': packageName(version) })).toBe('NOT_OUR_SERVER');
    },
  );

  it('may have nothing but a list of its packages: the newest is the one with the highest number', async () => {
    const names = [999_999_999, 1_550_190_683, 1_549_000_000].map(packageName);
    const server = await flakyServer(pages({ '/ls': `${names.join('\n')}\n` }));
    expect(await ask(server.url)).toMatchObject({ version, packageUrl: `${server.url}/update/${version}` });
    expect(server.asked).toEqual(['GET /version.json', 'GET /version', 'GET /ls']);
  });

  it('may list other files among its packages, which are passed over', async () => {
    const names = [packageName(version), signatureName(version), 'public_key.pem', '../../etc/passwd', packageName(7)];
    expect(await offered({ '/ls': names.join('\n') })).toBe(version);
  });

  it('offers nothing when its list is empty', async () => {
    expect(await offered({ '/ls': '' })).toBe(null);
    expect(await offered({ '/ls': '\n' })).toBe(null);
  });

  it('is not ours when it lists no packages but something else, or knows none of the addresses', async () => {
    expect(await offered({ '/ls': '<html>Please log in</html>' })).toBe('NOT_OUR_SERVER');
    expect(await offered({})).toBe('NOT_OUR_SERVER');
  });

  it('may have a version of a kilobyte and a list of a megabyte at most', async () => {
    expect(await offered({ '/version': `${version}${' '.repeat(1024)}` })).toBe('SIZE_MISMATCH');
    expect(await offered({ '/ls': `${packageName(version)}\n`.repeat(30_000) })).toBe(version);
    expect(await offered({ '/ls': `${packageName(version)}\n`.repeat(40_000) })).toBe('SIZE_MISMATCH');
  });
});

it.each([
  ['http://h', 'http://h/a'],
  ['http://h/', 'http://h/a'],
  ['http://h/b', 'http://h/b/a'],
  ['http://h/b/', 'http://h/b/a'],
  ['https://h:8151/b/c', 'https://h:8151/b/c/a'],
])('puts a name below %s', (base, address) => {
  expect(join(base, 'a')).toBe(address);
});
