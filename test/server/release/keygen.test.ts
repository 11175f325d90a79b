import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { release, releaseJson, tempFolder } from './program.ts';

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('opq-release keygen', () => {
  it.each([
    ['ECDSA P-256', []],
    ['RSA 3072', ['--rsa']],
  ])('makes an %s pair that belongs together and that openssl reads', (kind, options) => {
    const keys = join(tempFolder(), 'new/keys');
    const made = releaseJson(['keygen', keys, ...options]);
    expect(made.kind).toBe(kind);
    const half = execFileSync('openssl', ['pkey', '-in', made.private_key, '-pubout'], { encoding: 'utf8' });
    expect(readFileSync(made.public_key, 'utf8')).toBe(half);
    expect(release(['fingerprint', made.public_key])).toMatchObject({ exit: 0, stdout: `${made.fingerprint}\n` });
    expect(release(['fingerprint', made.private_key])).toMatchObject({ exit: 4, code: 'KEY_INVALID' });
  });

  it('lets nobody else read the private key, whatever the umask', () => {
    const keys = join(tempFolder(), 'keys');
    const shell = 'umask 000; exec "$0" "$@"';
    const program = new URL('../../../dist/opq-release.js', import.meta.url).pathname;
    expect(spawnSync('sh', ['-c', shell, process.execPath, program, 'keygen', keys]).status).toBe(0);
    expect(modeOf(join(keys, 'private_key.pem'))).toBe('600');
    expect(modeOf(keys)).toBe('700');
  });

  it.each(['private_key.pem', 'public_key.pem'])('overwrites no %s, and leaves no half of a pair', (name) => {
    const keys = tempFolder();
    writeFileSync(join(keys, name), 'mine');
    const { exit, code } = release(['keygen', keys]);
    expect([exit, code]).toEqual([2, 'USAGE']);
    expect(readdirSync(keys)).toEqual([name]);
    expect(readFileSync(join(keys, name), 'utf8')).toBe('mine');
  });

  it('does not write through a link that somebody left there', () => {
    const keys = tempFolder();
    mkdirSync(join(keys, 'elsewhere'));
    execFileSync('ln', ['-s', 'elsewhere/stolen.pem', join(keys, 'private_key.pem')]);
    expect(release(['keygen', keys]).exit).toBe(2);
    expect(existsSync(join(keys, 'elsewhere/stolen.pem'))).toBe(false);
  });
});
