import type { Scenario } from '../scenario.ts';

/** A script cut off half-way leaves files of both releases, or of neither. */
export const cutDuringScript: Scenario = {
  name: 'cut-during-script',
  about: 'the power fails while install_update.sh runs, the old files gone and the new ones not there yet',
  quick: true,
  from: 'box',
  async run({ machine, box, publisher, old, whole }) {
    await machine.boot();
    const release = { version: 1_600_000_001, middle: 'sync; echo half-way >/dev/ttyS0; sleep 300' };
    await publisher.publish(release);
    await box.install();
    await box.reaches('install');
    await machine.onConsole(/half-way/);
    await machine.cut();
    await machine.boot();
    await box.expectEnd(release.version, 'rolled back', 'POWER_LOST');
    await box.expectWhole(old);

    const next = { version: 1_600_000_002 };
    await publisher.publish(next);
    await box.install();
    await box.expectEnd(next.version, 'confirmed');
    await box.expectWhole(whole(next));
    return 'whole old, by rollback; the next update confirmed';
  },
};
