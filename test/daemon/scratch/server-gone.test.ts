import { createServer } from 'node:http';
import { describe, expect } from 'vitest';
import { packageName } from '../../../protocol/version.ts';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { codeOf, expectWhole } from '../../support/scratch-expectations.ts';
import { held, noise, release } from '../../support/scratch-release.ts';

const large = release(1_550_000_002, { data: { 'waveforms.bin': noise(400_000) } });
const partial = `var/opq/updater/${packageName(large.version)}.unverified`;
/** What is fetched besides the package, with the heads of all answers. */
const otherBytes = 10_000;

const partHere = (box: ScratchBox) =>
  box.until('a part of the package', () => box.has(partial) && box.sizeOf(partial) > 40_000);

describe('In the middle of a download', () => {
  it('waits for a server that was killed, goes on where it was, and fetches no byte twice', async ({
    newBox,
    serve,
    slowLine,
  }) => {
    const server = await serve(large);
    const line = await slowLine(server.url);
    const box = await newBox({ config: { server_url: line.url } });
    const { id } = await box.daemon.ask('install', {});
    await partHere(box);
    await server.kill();
    line.cut();
    line.becomesFast();
    await server.comeBack();
    expect((await box.ended(id)).outcome).toBe('confirmed');
    await expectWhole(box, large);
    expect(line.carried()).toBeLessThan(server.sizeOf(large) + otherBytes);
  });

  it('goes on with what a power cut left', async ({ newBox, serve, slowLine }) => {
    const server = await serve(large);
    const line = await slowLine(server.url);
    const box = await newBox({ config: { server_url: line.url } });
    const { id } = await box.daemon.ask('install', {});
    await partHere(box);
    await box.cutPower();
    line.cut();
    line.becomesFast();
    await box.boot();
    expect((await box.ended(id)).outcome).toBe('confirmed');
    await expectWhole(box, large);
    expect(line.carried()).toBeLessThan(server.sizeOf(large) + otherBytes);
  });

  it('is cancelled, changes nothing, and is taken up again when it is wanted', async ({ newBox, serve, slowLine }) => {
    const server = await serve(large);
    const line = await slowLine(server.url);
    const box = await newBox({ config: { server_url: line.url } });
    const { id } = await box.daemon.ask('install', {});
    await partHere(box);
    expect(await codeOf(box.daemon.ask('install', {}))).toBe('BUSY');
    expect(await box.cli('cancel')).toMatchObject({ exitCode: 0, last: { cancelled: true } });
    expect(await box.ended(id)).toMatchObject({ outcome: 'cancelled', because: { code: 'CANCELLED' } });
    await expectWhole(box, oldRelease);

    line.becomesFast();
    expect(await box.cli('install', '--wait')).toMatchObject({ exitCode: 0 });
    await expectWhole(box, large);
    expect(line.carried()).toBeLessThan(server.sizeOf(large) + otherBytes);
  });

  it('gives up when something else answers in the place of the server', async ({
    newBox,
    serve,
    slowLine,
    onTestFinished,
  }) => {
    const server = await serve(large);
    const line = await slowLine(server.url);
    const box = await newBox({ config: { server_url: line.url } });
    const waiting = box.cli('install', '--wait');
    await partHere(box);
    await server.kill();
    const portal = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<h1>Log in'));
    onTestFinished(() => void portal.close());
    portal.listen(Number(new URL(server.url).port), '127.0.0.1');
    line.cut();
    expect(await waiting).toMatchObject({
      exitCode: 3,
      last: { outcome: 'failed', because: { code: 'NOT_OUR_SERVER' }, step: 'download' },
    });
    await expectWhole(box, oldRelease);
  });
});

it('says that the server is gone, waits before it asks again by itself, and asks at once for a person', async ({
  newBox,
  serve,
}) => {
  const server = await serve(large);
  await server.kill();
  const box = await newBox({ config: { server_url: server.url }, firstCheckS: 0 });
  const now = await box.until('the first check', async () => {
    const status = await box.status();
    // The next check is planned a moment after the gate has closed.
    const planned = Date.parse(status.next_check_at ?? '') > Date.parse(status.at);
    return planned && status.gates.some(({ name, open }) => name === 'retries' && !open) && status;
  });
  expect(now.last_check?.fault?.code).toBe('SERVER_UNREACHABLE');
  for (const verb of ['check', 'install']) {
    expect(await box.cli(verb)).toMatchObject({ exitCode: 3, last: { code: 'SERVER_UNREACHABLE' } });
  }
  await expectWhole(box, oldRelease);
  await server.comeBack();
  expect(await box.cli('install', '--wait')).toMatchObject({ exitCode: 0 });
  await expectWhole(box, large);
});

it('cannot be cancelled any more once something is changed', async ({ newBox, publisher }) => {
  const slow = release(1_550_000_003, { script: { middle: held } });
  const box = await newBox();
  const id = await box.install(await publisher.stick(slow));
  await box.until('the half of it', () => box.has('var/held'));
  expect(await box.cli('cancel')).toMatchObject({ exitCode: 5, last: { code: 'BUSY' } });
  box.touch('var/go');
  expect((await box.ended(id)).outcome).toBe('confirmed');
  expect(await box.cli('cancel')).toMatchObject({ exitCode: 0, last: { cancelled: false } });
  await expectWhole(box, slow);
});
