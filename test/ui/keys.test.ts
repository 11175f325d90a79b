import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePublicKey } from '../../protocol/keys.ts';
import { fakeDaemon } from '../support/fake-daemon.ts';
import { documents, runCli, startInTerminal } from '../support/run-cli.ts';

const pair = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const { kind, fingerprint } = parsePublicKey(pair.publicKey);
const pinned = (name: string, builder = false) =>
  `POST /keys/add ${JSON.stringify({ pem: pair.publicKey, name, builder })}`;

async function boxWithKeyFile(content = pair.publicKey) {
  const daemon = await fakeDaemon({
    key_add: { name: 'pinned', signs: 'releases', kind, fingerprint, fault: null, added_by: null, retired_by: null },
    key_fetch: { pem: pair.publicKey, kind, fingerprint },
  });
  const file = join(daemon.root, 'OPQ Key (2).pem');
  await writeFile(file, content);
  return { daemon, file, root: ['--root', daemon.root] };
}

describe('keys add', () => {
  it('pins a file when --fingerprint is that of the key, however it is grouped', async () => {
    const { daemon, file, root } = await boxWithKeyFile();
    const spelled = fingerprint.toUpperCase().replace(/..(?=.)/g, '$&:');
    const { exitCode, stdout } = await runCli(['keys', 'add', file, '--fingerprint', spelled, ...root]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(kind);
    expect(stdout.replaceAll(' ', '')).toContain(fingerprint);
    expect(daemon.asked).toEqual([pinned('opq-key-2-')]);
  });

  it('pins nothing when --fingerprint is that of another key: exit 4', async () => {
    const { daemon, file, root } = await boxWithKeyFile();
    const { exitCode } = await runCli(['keys', 'add', file, '--fingerprint', 'ab'.repeat(32), '--yes', ...root]);
    expect(exitCode).toBe(4);
    expect(daemon.asked).toEqual([]);
  });

  it('fetches a URL through the daemon and pins what was shown', async () => {
    const { daemon, root } = await boxWithKeyFile();
    const url = 'http://updates.example/public_key.pem';
    const { exitCode, stdout } = await runCli(['keys', 'add', url, '--yes', '--json', ...root]);
    expect(exitCode).toBe(0);
    expect(documents(stdout)).toMatchObject([{ name: 'pinned', fingerprint }]);
    expect(daemon.asked).toEqual([`POST /keys/fetch {"url":"${url}"}`, pinned('public_key')]);
  });

  it('pins the key of a builder as such, and says that it signs no releases', async () => {
    const { daemon, file, root } = await boxWithKeyFile();
    const { exitCode, stdout } = await runCli(['keys', 'add', file, '--builder', '--yes', ...root]);
    expect([exitCode, daemon.asked]).toEqual([0, [pinned('opq-key-2-', true)]]);
    expect(stdout).toContain('built on demand');
  });

  it('refuses to go on where nobody can be asked', async () => {
    const { daemon, file, root } = await boxWithKeyFile();
    const { exitCode } = await runCli(['keys', 'add', file, ...root]);
    expect(exitCode).toBe(2);
    expect(daemon.asked).toEqual([]);
  });

  const answers: [string, string, number][] = [
    ['pins when the person types the last 8 digits', fingerprint.slice(-8), 0],
    ['pins nothing when the person types others', '12345678', 4],
    ['pins nothing for a yes that compares nothing', 'yes', 4],
    ['pins nothing when the person types nothing', '', 5],
  ];
  for (const [title, typed, exitCode] of answers) {
    it(`${title}, on a terminal`, async () => {
      const { daemon, root } = await boxWithKeyFile();
      await writeFile(join(daemon.root, 'key.pem'), pair.publicKey);
      const cli = startInTerminal(['keys', 'add', join(daemon.root, 'key.pem'), ...root], 80);
      await cli.shows('Its last 8 digits');
      cli.child.stdin!.write(`${typed}\r`);
      expect((await cli.ended).exitCode).toBe(exitCode);
      expect(daemon.asked).toEqual(exitCode === 0 ? [pinned('key')] : []);
    });
  }

  const bad: [string, string, number][] = [
    ['a private key', pair.privateKey, 4],
    ['what is no key', 'hello', 4],
  ];
  for (const [what, content, exitCode] of bad) {
    it(`refuses ${what}`, async () => {
      const { daemon, file, root } = await boxWithKeyFile(content);
      expect((await runCli(['keys', 'add', file, '--yes', ...root])).exitCode).toBe(exitCode);
      expect(daemon.asked).toEqual([]);
    });
  }

  it('exits 2 for a file that is not there and for a name that is none', async () => {
    const { file, root } = await boxWithKeyFile();
    expect((await runCli(['keys', 'add', `${file}x`, '--yes', ...root])).exitCode).toBe(2);
    expect((await runCli(['keys', 'add', file, '--yes', '--name', '../x', ...root])).exitCode).toBe(2);
  });
});
