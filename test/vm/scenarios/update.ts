import type { Scenario } from '../scenario.ts';

/** The main job: services stopped, script run, a real reboot, confirmed. */
export const goodUpdate: Scenario = {
  name: 'good-update',
  about: 'an update from a server outside the box',
  quick: true,
  from: 'box',
  async run({ machine, box, publisher, whole, expect }) {
    await machine.boot();
    const release = { version: 1_600_000_001 };
    await publisher.publish(release);
    const before = await machine.bootId();
    // As the schedule does it.
    expect('exit code of check --install', (await box.updater('check --install')).code, 0);
    await machine.otherBoot(before);
    const { outage_s } = await box.expectEnd(release.version, 'confirmed');
    await box.expectWhole(whole(release));
    expect('state of systemd', await machine.settled(), 'running');
    return `whole new, confirmed after one reboot, services away for ${outage_s} s`;
  },
};
