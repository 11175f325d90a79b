import type { CheckUp } from '../../../protocol/views.ts';
import type { Recipe } from '../release.ts';
import type { Scenario } from '../scenario.ts';

/** The network is what fails most, and it is nobody's fault. */
export const networkDown: Scenario = {
  name: 'network-down',
  about:
    'no cable at boot: the updater is up and says so; back again: an update; the server away during all of confirm',
  quick: false,
  from: 'box',
  limitS: 2400,
  async run({ machine, box, publisher, whole, expect }) {
    await machine.powerOn();
    await machine.network(false);
    expect('state without a cable', await machine.settled(), 'running');
    await box.atRest();
    const release: Recipe = { version: 1_600_000_001 };
    await publisher.publish(release);
    const check = await box.updater('check');
    expect(`exit code of a check without a cable, which said ${check.out}${check.err}`, check.code, 3);
    const { out } = await box.updater('doctor --json');
    const bad = (JSON.parse(out) as CheckUp[]).flatMap(({ name, ok }) => (ok ? [] : [name]));
    expect(`whether the doctor objects to the server, of ${bad.join(' ')}`, bad.includes('server'), true);
    expect('last check, as status has it', (await box.status()).last_check?.fault?.code, 'SERVER_UNREACHABLE');
    expect('exit code of status', (await box.updater('status')).code, 0);
    await machine.network(true);
    await machine.ok('until timeout 5 bash -c "exec 3<>/dev/tcp/10.0.2.100/8151"; do sleep 1; done');
    await box.install();
    await box.reaches('reboot');
    await publisher.server.stop();
    await box.expectEnd(release.version, 'confirmed');
    await box.expectWhole(whole(release));
    return 'said that the server is unreachable; whole new, confirmed without a server';
  },
};
