import { chainOn } from '../chain.ts';
import type { Scenario } from '../scenario.ts';

/** Some scripts of old reboot the box themselves. */
export const scriptReboots: Scenario = {
  name: 'script-reboots',
  about: 'scripts that reboot by themselves, half-way and as their last line, and one that switches the box off',
  quick: false,
  from: 'box',
  async run(context) {
    const { machine, box, publisher, expect } = context;
    const chain = chainOn(context);
    await machine.boot();
    await chain.putsBack({ version: 1_600_000_001, middle: 'sudo reboot\nsleep 300' }, 'POWER_LOST');

    await chain.keeps({ version: 1_600_000_002, end: 'sudo reboot' });
    await chain.keeps({ version: 1_600_000_003, end: 'systemctl reboot\nsleep 300' });

    const off = { version: 1_600_000_004, middle: 'systemctl poweroff\nsleep 300' };
    await publisher.publish(off);
    await box.install();
    await machine.goesOff(900_000);
    expect('state after it was switched on again', await machine.boot(), 'running');
    await chain.expectPutBack(off, 'POWER_LOST');
    await chain.keeps({ version: 1_600_000_005 });
    return 'whole old when it was half-way, confirmed when it was done; the next one confirmed';
  },
};
