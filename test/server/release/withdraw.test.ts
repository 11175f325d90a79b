import { once } from 'node:events';
import { readdirSync, rmSync, statSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { desk, nameOf, newVersion, oldVersion, release, releaseJson, startRelease } from './program.ts';

/** A desk that has published both releases. */
function twoPublished() {
  const it = desk();
  for (const version of [oldVersion, newVersion]) it.publish(it.build(version));
  return it;
}

describe('opq-release withdraw', () => {
  it('has version.json name the release before, and takes package and signature away', () => {
    const { updates, named } = twoPublished();
    expect(releaseJson(['withdraw', String(newVersion), '--from', updates]).newest).toBe(oldVersion);
    expect(named()).toBe(oldVersion);
    expect(readdirSync(updates).filter((name) => name.includes(String(newVersion)))).toEqual([]);
  });

  it('changes version.json before it takes the files away, and then the package first, which a server may list', async () => {
    const { updates } = twoPublished();
    const seen = new Set<string>();
    const watcher = watch(updates, (_, name) => name?.startsWith('.') || seen.add(name!));
    await once(startRelease(['withdraw', String(newVersion), '--from', updates]), 'exit');
    while (!seen.has(`${nameOf(newVersion)}.sig`)) await sleep(5);
    watcher.close();
    expect([...seen]).toEqual(['version.json', nameOf(newVersion), `${nameOf(newVersion)}.sig`]);
  });

  it('leaves version.json alone when an older release goes', () => {
    const { updates, named } = twoPublished();
    const before = statSync(join(updates, 'version.json')).ino;
    releaseJson(['withdraw', String(oldVersion), '--from', updates]);
    expect(named()).toBe(newVersion);
    expect(statSync(join(updates, 'version.json')).ino).toBe(before);
  });

  it('takes version.json away with the last release', () => {
    const { updates } = twoPublished();
    for (const version of [newVersion, oldVersion]) releaseJson(['withdraw', String(version), '--from', updates]);
    expect(readdirSync(updates)).toEqual(['public_key.pem']);
  });

  it('passes over releases that are damaged or not signed', () => {
    const { updates, named, build, publish } = twoPublished();
    publish(build(newVersion + 1));
    writeFileSync(join(updates, `${nameOf(newVersion)}.sig`), 'AAAA\n');
    const { passed_over } = releaseJson(['withdraw', String(newVersion + 1), '--from', updates]);
    expect(named()).toBe(oldVersion);
    expect(passed_over[0]).toContain('SIGNATURE_INVALID');
  });

  it('counts a release by a former key when that key is given, and changes nothing before it is', () => {
    const { updates, named, build, at, publicKey } = twoPublished();
    const other = releaseJson(['keygen', at('other')]);
    const newest = newVersion + 1;
    const key = other.private_key;
    releaseJson(['publish', build(newest), '--to', updates, '--key', key, '--new-key']);
    const before = readdirSync(updates);
    const refused = release(['withdraw', String(newest), '--from', updates]);
    expect(refused).toMatchObject({ exit: 2, code: 'USAGE', stderr: expect.stringContaining('2 packages would stay') });
    expect([readdirSync(updates), named()]).toEqual([before, newest]);
    releaseJson(['withdraw', String(newest), '--from', updates, '--key', publicKey]);
    expect(named()).toBe(newVersion);
  });

  it('touches nothing when it cannot tell which releases are signed', () => {
    const { updates, named } = twoPublished();
    rmSync(join(updates, 'public_key.pem'));
    const withdraw = release(['withdraw', String(newVersion), '--from', updates]);
    expect(withdraw).toMatchObject({ exit: 2, code: 'NOT_FOUND' });
    expect(named()).toBe(newVersion);
    expect(readdirSync(updates)).toContain(nameOf(newVersion));
  });

  it('finishes a withdrawal that was cut off', () => {
    const { updates, named } = twoPublished();
    rmSync(join(updates, nameOf(newVersion)));
    releaseJson(['withdraw', String(newVersion), '--from', updates]);
    expect(named()).toBe(oldVersion);
    expect(readdirSync(updates)).not.toContain(`${nameOf(newVersion)}.sig`);
  });

  it('says so when there is no such release', () => {
    const { updates } = twoPublished();
    const withdraw = (version: string) => release(['withdraw', version, '--from', updates]);
    expect(withdraw('1550191111')).toMatchObject({ exit: 2, code: 'NOT_FOUND' });
    expect(withdraw(nameOf(newVersion))).toMatchObject({ exit: 2, code: 'USAGE' });
    expect(withdraw('../../etc')).toMatchObject({ exit: 2, code: 'USAGE' });
    expect(release(['withdraw', '1550191111', '--from', `${updates}/none`])).toMatchObject({
      exit: 2,
      code: 'NOT_FOUND',
    });
  });
});
