import { chainOn } from '../chain.ts';
import type { Scenario } from '../scenario.ts';

const kill = (signal: string) => `kill -${signal} "$(systemctl show --property=MainPID --value opq-updater.service)"`;

export const updaterDies: Scenario = {
  name: 'updater-dies',
  about: 'the updater is killed while install_update.sh runs, then stopped by a signal while a release is on trial',
  quick: false,
  from: 'box',
  async run(context) {
    const { machine, box, publisher } = context;
    const chain = chainOn(context);
    await machine.boot();
    const killed = { version: 1_600_000_001, middle: 'sync; echo half-way >/dev/ttyS0; sleep 300' };
    await publisher.publish(killed);
    await box.install();
    await machine.onConsole(/half-way/);
    await machine.ok(kill('KILL'));
    await chain.expectPutBack(killed, 'DAEMON_DIED');

    // Long enough on trial to be hit there.
    await chain.configure({ trial_heartbeat_s: 300, health_stable_s: 600 });
    const before = await machine.bootId();
    const hung = { version: 1_600_000_002 };
    await publisher.publish(hung);
    await box.install();
    await machine.otherBoot(before);
    await box.isIn('confirm');
    await machine.ok(kill('STOP'));
    await chain.expectPutBack(hung, 'GUARD_RESTORED');

    await chain.configure({});
    await chain.keeps({ version: 1_600_000_003 });
    return 'whole old both times, by the updater and by the guard; the next one confirmed';
  },
};
