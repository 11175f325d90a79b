import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configKeys } from '../../../protocol/config-keys.ts';
import { maxPackageBytes } from '../../../server/release/judge-package.ts';
import { desk, nameOf, newVersion, oldVersion, release, releaseJson, smallContent } from './program.ts';

/** A signed package that lies apart from any key. */
function signed(files?: Record<string, string>) {
  const it = desk();
  const path = it.build(oldVersion, files);
  releaseJson(['sign', path, '--key', it.privateKey]);
  return { ...it, path };
}

/** The verdict, from `--json`, with the exit code. */
function verdict(...args: string[]) {
  const { exit, stdout } = release(['inspect', ...args, '--json']);
  const { would_take, reasons } = JSON.parse(stdout);
  return { exit, would_take, codes: reasons.map(({ code }: { code: string }) => code) };
}

describe('opq-release inspect', () => {
  it('tells what is in a package, who signed it, and that a box would take it', () => {
    const updateJson = { hardware: ['rpi/3'], components: { makai: '17' }, notes: 'Faster.' };
    const { path, publicKey } = signed({ 'update.json': JSON.stringify(updateJson) });
    const told = releaseJson(['inspect', path, '--key', publicKey]);
    expect(told).toMatchObject({
      version: oldVersion,
      made: '2019-02-15 00:31:23 UTC',
      size: readFileSync(path).length,
      signer: { kind: 'ECDSA P-256', fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) },
      content: { update_json: updateJson },
      would_take: true,
      reasons: [],
    });
    expect(told.content.entries).toContainEqual({
      kind: 'file',
      name: 'box-config-daemon/run.sh',
      mode: '755',
      size: smallContent['box-config-daemon/run.sh'].length,
    });
  });

  it('finds the key that lies beside a published package', () => {
    const { build, publish, updates } = desk();
    publish(build(oldVersion));
    expect(verdict(join(updates, nameOf(oldVersion)))).toEqual({ exit: 0, would_take: true, codes: [] });
  });

  it('knows the signer among several keys', () => {
    const { path, publicKey, at } = signed();
    const other = releaseJson(['keygen', at('other'), '--rsa']);
    expect(verdict(path, '--key', other.public_key, '--key', publicKey).would_take).toBe(true);
    expect(verdict(path, '--key', other.public_key)).toEqual({
      exit: 4,
      would_take: false,
      codes: ['SIGNATURE_INVALID'],
    });
  });

  it('says that no box takes what is not signed, or signed by who knows whom', () => {
    const { path } = signed();
    expect(verdict(path)).toEqual({ exit: 4, would_take: false, codes: ['NO_TRUSTED_KEYS'] });
    const { build, publicKey } = desk();
    const unsigned = build(oldVersion);
    expect(verdict(unsigned, '--key', publicKey)).toEqual({ exit: 4, would_take: false, codes: ['SIGNATURE_MISSING'] });
  });

  it('names every reason: the signature and the archive', () => {
    const { path, publicKey } = signed();
    writeFileSync(path, '<html>Log in</html>');
    expect(verdict(path, '--key', publicKey).codes).toEqual(['SIGNATURE_INVALID', 'ARCHIVE_CORRUPT']);
    const renamed = join(dirname(path), nameOf(newVersion));
    const { path: good } = signed();
    copyFileSync(good, renamed);
    expect(verdict(renamed).codes).toEqual(['SIGNATURE_MISSING', 'VERSION_MISMATCH']);
  });

  it('shows text from a package without letting it act on the terminal', () => {
    const { path, publicKey } = signed({ 'update.json': JSON.stringify({ notes: 'a\u001b[2Jb\u202ec' }) });
    const { stdout } = release(['inspect', path, '--key', publicKey]);
    expect(stdout).not.toMatch(/[\u001b\u202e]/);
    expect(stdout).toContain('would take it');
  });

  it('holds packages to the size that a box downloads by default', () => {
    expect(maxPackageBytes).toBe(configKeys.max_package_bytes.default);
  });
});
