import { chainOn } from '../chain.ts';
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

/** Nobody could look before the power went: without more, the next boot would have neither updater nor guard. */
export const cutAfterMasking: Scenario = {
  name: 'cut-after-masking',
  about: 'the power fails right after the script masked, overrode or disabled the updater with its guard',
  quick: false,
  from: 'box',
  async run(context) {
    const { machine, box, publisher } = context;
    const chain = chainOn(context);
    await machine.boot();
    const units = ['.service', '-guard.service', '-watch.service', '-watch.timer', '-control.socket'];
    const mask = units.map((name) => `ln -s /dev/null /etc/systemd/system/opq-updater${name}`).join('; ');
    const replaced = '[Service]\\nExecStart=\\nExecStart=/bin/false\\n';
    const override = ['opq-updater.service.d', 'opq-updater-guard.service.d']
      .map((name) => `mkdir /etc/systemd/system/${name}; printf '${replaced}' >/etc/systemd/system/${name}/zz.conf`)
      .join('; ');
    const disable = 'systemctl disable opq-updater.service opq-updater-control.socket opq-updater-page.socket';
    for (const [n, harm] of [mask, override, disable].entries()) {
      const release = { version: 1_600_000_001 + n, middle: `${harm}; sync; echo harmed >/dev/ttyS0; sleep 300` };
      await publisher.publish(release);
      await box.install();
      await machine.onConsole(/harmed/);
      await machine.cut();
      await machine.boot();
      await chain.expectPutBack(release, 'POWER_LOST');
    }
    await chain.keeps({ version: 1_600_000_009 });
    return 'whole old three times, by the next boot; the next one confirmed';
  },
};
