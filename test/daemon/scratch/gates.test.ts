import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect } from 'vitest';
import { it, oldRelease, type ScratchBox } from '../../support/scratch-box.ts';
import { expectWhole } from '../../support/scratch-expectations.ts';
import { release } from '../../support/scratch-release.ts';

const version = 1_550_000_002;
const good = release(version);

function put({ at }: ScratchBox, path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text, { mode: 0o755 });
}

/** A program of the box's owner that is asked before each update. */
const gate = (box: ScratchBox, text: string) => put(box, 'opt/gates.d/20-event', `#!/bin/sh\n${text}\n`);

describe.concurrent('A condition of the box', () => {
  it('holds the schedule back while the measuring daemon says so, in its words; a person may install', async ({
    newBox,
    serve,
  }) => {
    const { url } = await serve(good);
    const box = await newBox({ config: { server_url: url, gates_dir: '/opt/gates.d' } });
    gate(box, 'echo "a sag is recorded"; exit 1');
    const held = await box.cli('check', '--install');
    expect(held).toMatchObject({ exitCode: 5, last: { news: true, begun: false, why_not: { code: 'GATE_CLOSED' } } });
    expect(held.last.why_not.message).toContain('a sag is recorded');

    const { exitCode, last } = await box.cli('why');
    expect(exitCode).toBe(0);
    const closed = last.filter(({ open }: { open: boolean }) => !open);
    expect(closed).toMatchObject([{ name: 'gates.d', soft: true, overruled: false, fault: { code: 'GATE_CLOSED' } }]);
    expect(Date.parse(closed[0].since)).toBeLessThanOrEqual(Date.now());
    expect((await box.status()).gates.find(({ name }) => name === 'gates.d')).toMatchObject({ open: false });

    expect(await box.cli('install', '--wait')).toMatchObject({ exitCode: 0, last: { outcome: 'confirmed' } });
    await expectWhole(box, good);
  });

  it('that changes during the download holds the update back before anything is stopped, and loses no byte', async ({
    newBox,
    serve,
  }) => {
    const { url } = await serve(good);
    const box = await newBox({ config: { server_url: url, gates_dir: '/opt/gates.d' } });
    await box.until('the service', () => box.serving());
    const process = box.serviceProcess();
    // Yes when the update begins, no when it is about to stop the services.
    gate(box, 'asked="$OPQ_BOX_ROOT/run/asked"; [ ! -e "$asked" ] || { echo "a sag"; exit 1; }; : >"$asked"');
    const { exitCode, last } = await box.cli('check', '--install', '--wait');
    expect(last).toMatchObject({ outcome: 'held back', step: 'snapshot', because: { code: 'GATE_CLOSED' } });
    expect(exitCode).toBe(5);
    await expectWhole(box, oldRelease);
    expect(box.serviceProcess()).toBe(process);
    expect(box.names('var/opq/updater')).toContainEqual(expect.stringContaining('.unverified'));

    rmSync(box.at('opt/gates.d'), { recursive: true });
    // Not a failure: nothing has to be waited for.
    expect(await box.cli('check', '--install', '--wait')).toMatchObject({ exitCode: 0 });
    await expectWhole(box, good);
  });

  it('such as a weak supply or a box that is too hot is told with its value', async ({ newBox, serve }) => {
    const { url } = await serve(good);
    const box = await newBox({ config: { server_url: url, max_temperature_c: 60 } });
    put(box, 'sys/devices/platform/soc/soc:firmware/get_throttled', '1\n');
    put(box, 'sys/class/thermal/thermal_zone0/temp', '71000\n');
    expect((await box.cli('check', '--install')).last.why_not).toMatchObject({ code: 'POWER_LOW' });
    const { gates } = await box.status();
    expect(gates.filter(({ open }) => !open).map(({ name, value }) => `${name}: ${value}`)).toEqual([
      'power: too low',
      'temperature: 71 °C',
    ]);
  });
});

it('lets a person hold automatic updates back for a while, with a reason, over a power cut, and end that', async ({
  newBox,
  serve,
}) => {
  const { url } = await serve(good);
  const box = await newBox({ config: { server_url: url } });
  const asked = await box.cli('postpone', '2h', '--reason', 'measurement running');
  expect(asked).toMatchObject({ exitCode: 0, last: { postponed: { reason: 'measurement running' } } });
  const { until, since } = asked.last.postponed;
  expect(Math.round((Date.parse(until) - Date.parse(since)) / 60_000)).toBe(120);
  await box.cutPower();
  await box.boot();
  expect((await box.status()).postponed?.reason).toBe('measurement running');
  const held = await box.cli('check', '--install');
  expect(held).toMatchObject({ exitCode: 5, last: { begun: false, why_not: { code: 'POSTPONED' } } });
  expect(held.last.why_not.message).toContain('measurement running');

  expect(await box.cli('postpone', '--end')).toMatchObject({ exitCode: 0, last: { postponed: null } });
  expect(await box.cli('check', '--install', '--wait')).toMatchObject({ exitCode: 0 });
  await expectWhole(box, good);
});
