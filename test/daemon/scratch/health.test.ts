import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { isAlive } from '../../support/processes.ts';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { codeOf, expectUsable, expectWhole } from '../../support/scratch-expectations.ts';
import { release } from '../../support/scratch-release.ts';

const version = 1_550_000_002;
const good = release(version);
const ofNew = `grep -q ${version} "$OPQ_BOX_ROOT/usr/local/box-config-daemon/VERSION"`;

/** A program of the box's owner that is asked after each update. */
function healthCheck({ at }: ScratchBox, text: string, mode = 0o755): void {
  mkdirSync(at('etc/opq-updater/health.d'), { recursive: true });
  writeFileSync(at('etc/opq-updater/health.d/50-grid'), `#!/bin/sh\n${text}\n`, { mode });
}

describe.concurrent('After the reboot', () => {
  it('puts back a release whose service fails, remembers it, and takes it again only for a person who insists', async ({
    newBox,
    publisher,
    serve,
  }) => {
    const { url, publish } = await serve(release(version, { program: '#!/bin/sh\nexit 1\n' }));
    const box = await newBox({ config: { server_url: url, health_stable_s: 2 } });
    const first = await box.cli('check', '--install', '--wait');
    expect(first.last).toMatchObject({ outcome: 'rolled back', because: { code: 'HEALTH_FAILED' }, step: 'confirm' });
    expect(first.exitCode).toBe(6);
    await expectWhole(box, oldRelease);

    const again = await box.daemon.ask('check', { install: true });
    expect(again).toMatchObject({ news: true, begun: false });
    expect(await box.cli('install')).toMatchObject({ exitCode: 5, last: { code: 'QUARANTINED' } });
    const insisted = await box.cli('install', '--retry', '--wait');
    expect(insisted).toMatchObject({ exitCode: 6, last: { because: { code: 'HEALTH_FAILED' } } });
    await expectWhole(box, oldRelease);
    expect(await box.history()).toHaveLength(2);

    await publish(release(version + 1));
    expect(await box.daemon.ask('check', { install: false })).toMatchObject({ news: true });
    expect(await box.cli('install', '--wait')).toMatchObject({ exitCode: 0, last: { outcome: 'confirmed' } });
    await expectWhole(box, release(version + 1));
    await expectUsable(box, publisher);
  });

  it('puts back a release that a health check of the owner objects to, in its words', async ({ newBox, publisher }) => {
    const box = await newBox({ config: { trial_deadline_s: 60 } });
    const check = `if ${ofNew}; then echo 'no waveform'; exit 1; fi`;
    healthCheck(box, check);
    const before = box.tree();
    const { exitCode, last } = await box.cli('install', await publisher.stick(good), '--wait');
    expect(last).toMatchObject({ outcome: 'rolled back', because: { code: 'HEALTH_FAILED' } });
    expect(last.because.message).toContain('no waveform');
    expect(exitCode).toBe(6);
    expect(box.tree()).toEqual(before);
    await box.until('the old service', () => box.serving() === oldRelease.version);
  });

  it('asks a health check of the owner again that says no at first', async ({ newBox, publisher }) => {
    const box = await newBox();
    healthCheck(
      box,
      `${ofNew} || exit 0; [ -e "$OPQ_BOX_ROOT/var/warm" ] || { touch "$OPQ_BOX_ROOT/var/warm"; exit 1; }`,
    );
    expect((await box.ended(await box.install(await publisher.stick(good)))).outcome).toBe('confirmed');
    expect(box.console()).toContain('not healthy yet: the health check 50-grid');
  });

  it('asks only health checks that are programs, and says which one is not', async ({ newBox, publisher }) => {
    const box = await newBox();
    healthCheck(box, 'exit 1', 0o644);
    expect((await box.ended(await box.install(await publisher.stick(good)))).outcome).toBe('confirmed');
    expect(box.console()).toContain('50-grid');
  });

  it('confirms with a service down that had failed before', async ({ newBox, publisher }) => {
    const box = await newBox({ config: { services: ['box-config-daemon.service', 'broken.service'] } });
    writeFileSync(box.at('etc/systemd/system/broken.service'), '[Service]\nExecStart=/bin/false\nRestart=no\n');
    await box.daemon.ask('status', {});
    await box.systemctl('start', 'broken.service');
    const entry = await box.ended(await box.install(await publisher.stick(good)));
    expect(entry.outcome).toBe('confirmed');
    await box.until('the new service', () => box.serving() === version);
  });

  it('keeps a service running that somebody started by hand, through an update and through an undo', async ({
    newBox,
    publisher,
  }) => {
    const box = await newBox({ config: { services: ['box-config-daemon.service', 'by-hand.service'] } });
    const running = `echo $$ >"$OPQ_BOX_ROOT/var/by-hand"; exec sleep 1000000`;
    writeFileSync(box.at('usr/local/by-hand'), `#!/bin/sh\n${running}\n`, { mode: 0o755 });
    writeFileSync(box.at('etc/systemd/system/by-hand.service'), '[Service]\nExecStart=/usr/local/by-hand\n');
    await box.systemctl('start', 'by-hand.service');
    const isUp = () => box.has('var/by-hand') && isAlive(Number(readFileSync(box.at('var/by-hand'), 'utf8')));
    expect((await box.ended(await box.install(await publisher.stick(good)))).outcome).toBe('confirmed');
    await box.until('the service', isUp);
    const bad = release(version + 1, { script: { end: 'exit 1' } });
    expect((await box.ended(await box.install(await publisher.stick(bad)))).outcome).toBe('rolled back');
    await box.until('the service again', isUp);
  });

  it('puts back a release that takes the network with it, and takes one where there was none before', async ({
    newBox,
    publisher,
  }) => {
    const box = await newBox({ config: { trial_deadline_s: 60 } });
    const bad = release(version, { script: { end: 'touch "$OPQ_BOX_ROOT/var/lib/scratch/no-gateway"' } });
    const entry = await box.ended(await box.install(await publisher.stick(bad)));
    expect(entry).toMatchObject({ outcome: 'rolled back', because: { code: 'NETWORK_LOST' } });
    expect(entry.because?.message).toContain('gateway');
    await expectWhole(box, oldRelease);
    expect((await box.ended(await box.install(await publisher.stick(release(version + 1))))).outcome).toBe('confirmed');
  });

  it('puts a release back that is asked back in the moment of its confirmation', async ({ newBox, publisher }) => {
    const box = await newBox();
    const id = await box.install(await publisher.stick(good));
    await box.reaches('confirm', id);
    await box.until('somebody to listen', async () => (await codeOf(box.daemon.ask('rollback', {}))) === 'no error', 1);
    await box.until('the undo', async () => {
      const [last] = await box.history();
      return last?.id === id && last.outcome === 'undone';
    });
    await expectWhole(box, oldRelease);
  });

  it('puts a release back when a person wants it back before it is confirmed', async ({ newBox, publisher }) => {
    const box = await newBox({ config: { health_stable_s: 3600 } });
    const path = await publisher.stick(good);
    const id = await box.install(path);
    await box.reaches('confirm', id);
    await box.until('the new service', () => box.serving() === version);
    expect(await codeOf(box.install(path))).toBe('BUSY');
    const { exitCode, last } = await box.cli('rollback', '--wait');
    expect(last).toMatchObject({ id, outcome: 'undone', because: { code: 'ROLLED_BACK' } });
    expect(exitCode).toBe(0);
    await expectWhole(box, oldRelease);
    // Nor does it come back by itself.
    expect(await codeOf(box.install(path))).toBe('QUARANTINED');
  });
});
