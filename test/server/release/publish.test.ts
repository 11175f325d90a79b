import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  desk,
  nameOf,
  newVersion,
  oldVersion,
  opensslSigns,
  opensslVerifies,
  programPath,
  release,
  releaseJson,
  startRelease,
} from './program.ts';

const published = (folder: string) =>
  readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort();

describe('opq-release publish', () => {
  it('puts there everything that boxes of all ages need, and says in version.json what it is', () => {
    const { build, publish, updates, publicKey } = desk();
    const path = build(oldVersion, { 'update.json': '{"hardware":["rpi/3"],"notes":"Faster."}' });
    expect(publish(path).exit).toBe(0);
    const name = nameOf(oldVersion);
    expect(published(updates)).toEqual([name, `${name}.sig`, 'public_key.pem', 'version.json']);
    expect(readFileSync(join(updates, name))).toEqual(readFileSync(path));
    expect(readFileSync(join(updates, 'public_key.pem'))).toEqual(readFileSync(publicKey));
    expect(opensslVerifies(join(updates, name), publicKey)).toBe(true);
    expect(JSON.parse(readFileSync(join(updates, 'version.json'), 'utf8'))).toEqual({
      version: oldVersion,
      package: name,
      signature: `${name}.sig`,
      public_key: 'public_key.pem',
      size: statSync(path).size,
      sha256: execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64),
      hardware: ['rpi/3'],
      notes: 'Faster.',
    });
  });

  it('lets the package appear first, then the signature, the key, and version.json last', async () => {
    const { build, updates, privateKey } = desk();
    mkdirSync(updates);
    const path = build(oldVersion);
    const seen = new Set<string>();
    const watcher = watch(updates, (_, name) => name?.startsWith('.') || seen.add(name!));
    const child = startRelease(['publish', path, '--to', updates, '--key', privateKey]);
    await once(child, 'exit');
    while (!seen.has('version.json')) await sleep(5);
    watcher.close();
    expect([...seen]).toEqual([nameOf(oldVersion), `${nameOf(oldVersion)}.sig`, 'public_key.pem', 'version.json']);
  });

  it('leaves whole releases and a true version.json whenever it is killed, and finishes when it is run again', async () => {
    const { build, publish, updates, named, publicKey, privateKey } = desk();
    publish(build(oldVersion));
    const path = build(newVersion, {
      noise: execFileSync('head', ['-c', '300000', '/dev/urandom'], { encoding: 'latin1' }),
    });
    for (let delayMs = 80; delayMs <= 330; delayMs += 50) {
      const child = startRelease(['publish', path, '--to', updates, '--key', privateKey]);
      const exited = once(child, 'exit');
      await sleep(delayMs);
      child.kill('SIGKILL');
      await exited;
      expect([oldVersion, newVersion]).toContain(named());
      expect(opensslVerifies(join(updates, nameOf(named()!)), publicKey)).toBe(true);
    }
    expect(publish(path).exit).toBe(0);
    expect(named()).toBe(newVersion);
    expect(published(updates)).toHaveLength(6);
  });

  it.each([[`${nameOf(newVersion)}.sig`], ['version.json']])('does not go on when %s cannot be written', (blocked) => {
    const { build, publish, updates, named } = desk();
    publish(build(oldVersion));
    if (blocked === 'version.json') rmSync(join(updates, blocked));
    mkdirSync(join(updates, blocked));
    expect(publish(build(newVersion)).exit).not.toBe(0);
    rmSync(join(updates, blocked), { recursive: true });
    expect(named()).toBe(blocked === 'version.json' ? undefined : oldVersion);
    expect(readdirSync(updates).some((name) => name.startsWith('.'))).toBe(false);
    expect(publish(build(newVersion)).exit).toBe(0);
    expect(named()).toBe(newVersion);
  });

  it('does not count what a killed publishing left behind', () => {
    const { build, publish, updates, named } = desk();
    publish(build(oldVersion));
    writeFileSync(join(updates, `.${nameOf(newVersion)}.abc`), 'half a package');
    writeFileSync(join(updates, `.${nameOf(newVersion)}.sig.abc`), 'half a signature');
    writeFileSync(join(updates, nameOf(newVersion)), 'a package copied by hand, not signed');
    expect(releaseJson(['withdraw', String(oldVersion), '--from', updates]).newest).toBeNull();
    expect(named()).toBeUndefined();
  });

  it('changes not a byte when it is run again', () => {
    const { build, publish, updates } = desk();
    const path = build(oldVersion);
    publish(path);
    const before = published(updates).map((name) => [
      name,
      readFileSync(join(updates, name), 'latin1'),
      statSync(join(updates, name)).ino,
    ]);
    expect(publish(path).exit).toBe(0);
    expect(publish(join(updates, nameOf(oldVersion))).exit).toBe(0);
    expect(
      published(updates).map((name) => [
        name,
        readFileSync(join(updates, name), 'latin1'),
        statSync(join(updates, name)).ino,
      ]),
    ).toEqual(before);
  });

  it('publishes an older release without touching version.json', () => {
    const { build, publish, updates, named } = desk();
    publish(build(newVersion));
    const before = statSync(join(updates, 'version.json'));
    expect(publish(build(oldVersion)).exit).toBe(0);
    expect(named()).toBe(newVersion);
    expect(statSync(join(updates, 'version.json')).ino).toBe(before.ino);
    expect(opensslVerifies(join(updates, nameOf(oldVersion)), join(updates, 'public_key.pem'))).toBe(true);
  });

  it('names the newest by number when versions have different lengths', () => {
    const { build, publish, named } = desk();
    publish(build(999_999_999));
    publish(build(1_000_000_000));
    publish(build(999_999_998));
    expect(named()).toBe(1_000_000_000);
  });

  it('names a newer release that was signed and copied in by hand, but none that is not signed', () => {
    const { build, publish, updates, named, privateKey } = desk();
    const path = build(newVersion);
    mkdirSync(updates);
    copyFileSync(path, join(updates, nameOf(newVersion)));
    writeFileSync(join(updates, `${nameOf(newVersion)}.sig`), 'AAAA\n');
    publish(build(oldVersion));
    expect(named()).toBe(oldVersion);
    opensslSigns(join(updates, nameOf(newVersion)), privateKey);
    publish(build(oldVersion));
    expect(named()).toBe(newVersion);
  });

  it('mends a version.json that cannot be read', () => {
    const { build, publish, updates, named } = desk();
    const path = build(oldVersion);
    publish(path);
    writeFileSync(join(updates, 'version.json'), '{"version":');
    expect(publish(path).exit).toBe(0);
    expect(named()).toBe(oldVersion);
  });

  it('refuses other bytes under a version that is published', () => {
    const { build, publish, updates, at } = desk();
    const path = build(oldVersion);
    publish(path);
    rmSync(at('packages'), { recursive: true });
    const before = readFileSync(join(updates, nameOf(oldVersion)));
    expect(publish(build(oldVersion, { more: 'x' }))).toMatchObject({ exit: 2, code: 'USAGE' });
    expect(readFileSync(join(updates, nameOf(oldVersion)))).toEqual(before);
  });

  it.each([
    ['its signature tells', ['version.json']],
    ['version.json tells', [`${nameOf(oldVersion)}.sig`]],
  ])('puts a damaged copy right: %s which bytes were published', (_, lost) => {
    const { build, publish, updates, publicKey, named } = desk();
    const path = build(oldVersion);
    publish(path);
    const copy = join(updates, nameOf(oldVersion));
    writeFileSync(copy, readFileSync(path).subarray(0, -5));
    for (const name of lost) rmSync(join(updates, name));
    expect(publish(path)).toMatchObject({ exit: 0, stdout: expect.stringContaining('was damaged and is replaced') });
    expect(readFileSync(copy)).toEqual(readFileSync(path));
    expect([opensslVerifies(copy, publicKey), named()]).toEqual([true, oldVersion]);
    expect(publish(path).stdout).not.toContain('damaged');
  });

  it('leaves a copy whose signature holds, whatever version.json says', () => {
    const { build, publish, updates, at } = desk();
    publish(build(oldVersion));
    rmSync(at('packages'), { recursive: true });
    const other = build(oldVersion, { more: 'x' });
    const sha256 = execFileSync('sha256sum', [other], { encoding: 'utf8' }).slice(0, 64);
    writeFileSync(join(updates, 'version.json'), JSON.stringify({ version: oldVersion, sha256 }));
    expect(publish(other)).toMatchObject({ exit: 2, code: 'USAGE' });
  });

  it('makes folders that the server may read, whatever the umask of the publisher', () => {
    const { build, at, privateKey } = desk();
    const to = at('srv/opq/updates');
    const command = [programPath, 'publish', build(oldVersion), '--to', to, '--key', privateKey];
    execFileSync('sh', ['-c', 'umask 077; exec "$@"', 'sh', process.execPath, ...command], { stdio: 'pipe' });
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
    expect([at('srv'), at('srv/opq'), to, join(to, 'version.json')].map(mode)).toEqual(['755', '755', '755', '644']);
  });

  it('says that only boxes that trust it already take what a key signs that is new there', () => {
    const { build, publish } = desk();
    expect(publish(build(oldVersion)).stdout).toContain('only boxes that trust it already');
    expect(publish(build(newVersion)).stdout).not.toContain('only boxes');
  });

  it('refuses another key than the published one, unless that is meant', () => {
    const { build, publish, updates, named, at } = desk();
    publish(build(oldVersion));
    const other = releaseJson(['keygen', at('other')]);
    const path = build(newVersion);
    const args = ['publish', path, '--to', updates, '--key', other.private_key];
    const before = published(updates);
    const refused = release(args);
    expect(refused).toMatchObject({ exit: 2, code: 'USAGE', stderr: expect.stringContaining('key-rollover') });
    expect(published(updates)).toEqual(before);
    expect(release([...args, '--new-key']).exit).toBe(0);
    expect(named()).toBe(newVersion);
    expect(opensslVerifies(join(updates, nameOf(newVersion)), join(updates, 'public_key.pem'))).toBe(true);
  });

  it('refuses what a box would refuse, and publishes nothing of it', () => {
    const { build, publish, at, updates } = desk();
    const good = build(oldVersion);
    const other = build(newVersion);
    const bad = at(nameOf(newVersion));
    const rows: [Buffer | string, string][] = [
      ['<html>', 'ARCHIVE_CORRUPT'],
      ['', 'ARCHIVE_CORRUPT'],
      [readFileSync(other).subarray(0, -5), 'ARCHIVE_CORRUPT'],
      [Buffer.concat([readFileSync(other), readFileSync(other)]), 'ARCHIVE_CORRUPT'],
      [flipMiddle(readFileSync(other)), 'ARCHIVE_CORRUPT'],
      [Buffer.concat([readFileSync(other), Buffer.alloc(2_000_000)]), 'ARCHIVE_CORRUPT'],
      [readFileSync(good), 'VERSION_MISMATCH'],
    ];
    for (const [bytes, code] of rows) {
      writeFileSync(bad, bytes);
      expect(publish(bad)).toMatchObject({ exit: 4, code });
      expect(readdirSync(updates)).toEqual([]);
    }
  });

  it('refuses a package with a link that GNU tar made', () => {
    const { publish, at, updates } = desk();
    const top = at(`opq-box-update-${newVersion}`);
    mkdirSync(top);
    writeFileSync(join(top, 'VERSION'), `${newVersion}\n`);
    writeFileSync(join(top, 'install_update.sh'), 'exit 0\n');
    symlinkSync('/etc/shadow', join(top, 'secrets'));
    execFileSync('tar', ['cjf', nameOf(newVersion), `opq-box-update-${newVersion}`], { cwd: at() });
    expect(publish(at(nameOf(newVersion)))).toMatchObject({ exit: 4, code: 'ARCHIVE_REFUSED' });
    expect(readdirSync(updates)).toEqual([]);
  });

  it('refuses a package under another name', () => {
    const { build, publish, at } = desk();
    renameSync(build(oldVersion), at('update.tar.bz2'));
    expect(publish(at('update.tar.bz2'))).toMatchObject({ exit: 2, code: 'USAGE' });
  });
});

function flipMiddle(bytes: Buffer): Buffer {
  const flipped = Buffer.from(bytes);
  flipped[flipped.length >> 1]! ^= 1;
  return flipped;
}
