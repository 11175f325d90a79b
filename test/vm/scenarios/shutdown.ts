import { setTimeout as sleep } from 'node:timers/promises';
import type { Context, Scenario } from '../scenario.ts';

/** An orderly end of a boot on trial is nobody's fault and is not counted; a power cut is. */
export const shutdowns: Scenario = {
  name: 'shutdowns',
  about: 'reboot and poweroff at any moment of a boot, a forced reboot and a cut: what the next boot takes each for',
  quick: false,
  from: 'box',
  limitS: 2 * 3600,
  async run(context) {
    const { machine, box, publisher, old, expect } = context;
    await machine.boot();
    expect('after the installation', await taken(context), 'orderly');

    for (const [when, ready] of Object.entries(moments)) {
      const before = await machine.bootId();
      await machine.order('systemctl reboot');
      await machine.otherBoot(before);
      await ready(context);
      expect(`after a reboot before one ${when}`, await taken(context), 'orderly');
      const early = await machine.bootId();
      await machine.order('systemctl reboot');
      await machine.otherBoot(early);
      await marked(context);
      expect(`after a reboot ${when}`, await taken(context), 'orderly');
    }
    await machine.settled();

    await machine.powerOff();
    await machine.boot();
    expect('after poweroff', await taken(context), 'orderly');

    const before = await machine.bootId();
    await machine.order('sync; reboot --force --force');
    await machine.otherBoot(before);
    await machine.settled();
    expect('after a reboot by force', await taken(context), 'cut');

    await machine.cut();
    await machine.boot();
    expect('after a power cut', await taken(context), 'cut');

    const release = { version: 1_600_000_001, middle: 'echo half-way >/dev/ttyS0; sleep 300' };
    await publisher.publish(release);
    await box.install();
    await machine.onConsole(/^half-way/m);
    await machine.order('systemctl reboot');
    const { because } = await box.expectEnd(release.version, 'rolled back', 'SCRIPT_SHUT_DOWN');
    expect('why', /was shut down/.test(because?.message ?? ''), true);
    await box.expectWhole(old);
    return 'each told for what it was; an update that a reboot interrupted was put back without blame';
  },
};

/** Waits for a moment of a boot that has just begun. */
const moments: Readonly<Record<string, (context: Context) => Promise<void>>> = {
  'at once': marked,
  'while services start': async (context) => {
    await marked(context);
    await sleep(3000 * context.random() + 1000);
  },
  'when all runs': async ({ machine }) => void (await machine.settled()),
};

/** What the guard made of the end of the boot before. */
const taken = async ({ machine }: Context): Promise<string> =>
  (await machine.ok('cat /run/opq-updater/last-shutdown')).trim();

/** The guard has looked; the agent is there before. */
async function marked({ machine }: Context): Promise<void> {
  await machine.ok('until [ -s /run/opq-updater/last-shutdown ]; do sleep 0.1; done');
}
