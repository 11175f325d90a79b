import { chainOn } from '../chain.ts';
import type { Scenario } from '../scenario.ts';

/** Some scripts of old reboot the box themselves. */
export const scriptReboots: Scenario = {
  name: 'script-reboots',
  about: 'scripts that reboot by themselves, half-way and as their last line, and one that switches the box off',
  quick: false,
  from: 'box',
  limitS: 5400,
  async run(context) {
    const { machine, box, publisher, expect } = context;
    const chain = chainOn(context);
    await machine.boot();
    await chain.putsBack({ version: 1_600_000_001, middle: 'sudo reboot\nsleep 300' }, 'SCRIPT_SHUT_DOWN');
    // VERSION is in place, and it had more to do.
    await chain.putsBack({ version: 1_600_000_002, end: 'systemctl reboot\nsleep 300' }, 'SCRIPT_SHUT_DOWN');

    await chain.keeps({ version: 1_600_000_003, end: 'sudo reboot' });
    await chain.keeps({ version: 1_600_000_004, end: 'systemctl reboot\necho asked\nsleep 2' });

    const off = { version: 1_600_000_005, middle: 'systemctl poweroff\nsleep 300' };
    await publisher.publish(off);
    await box.install();
    await machine.goesOff(900_000);
    // Half of the release is there, so its service fails until that boot has put the old one back.
    await machine.boot();
    await chain.expectPutBack(off, 'SCRIPT_SHUT_DOWN');
    expect('state of systemd', await machine.settled(), 'running');
    await chain.keeps({ version: 1_600_000_006 });
    return 'whole old when it was half-way, confirmed when it was done; the next one confirmed';
  },
};
