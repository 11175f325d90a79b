import { setTimeout as sleep } from 'node:timers/promises';
import { chainOn } from '../chain.ts';
import { cutAt, expectNextUpdate } from '../cut.ts';
import type { Recipe } from '../release.ts';
import type { Context, Scenario } from '../scenario.ts';

/** The updater never reports in a boot on trial: as it comes with mains that fail again and again, or a bad release. */
export const cutsGuardBoot: Scenario = {
  name: 'cuts-guard-boot',
  about: 'the power fails early in three boots on trial, then twice while the guard puts the release back',
  quick: false,
  from: 'box',
  limitS: 2 * 3600,
  async run(context) {
    const { machine, box, publisher, old, expect, random } = context;
    await machine.boot();
    await onConsoleToo(context);
    const release: Recipe = { version: 1_600_000_001 };
    await publisher.publish(release);
    await box.install();
    await box.reaches('reboot');
    // The script has ended and all is synced: whole new, on trial.
    await cutAt(context, 1000 * random());
    for (let boot = 1; boot <= 3; boot++) {
      await machine.onConsole(/guard has looked/);
      await cutAt(context, 200 * random());
    }
    for (let n = 0; n < 2; n++) {
      await machine.onConsole(/opq-updater-guard.*: the earlier release is put back/);
      await cutAt(context, 1500 * random());
    }
    const { because } = await box.expectEnd(release.version, 'rolled back', 'GUARD_RESTORED');
    expect('why', /In none of the boots/.test(because?.message ?? ''), true);
    await box.expectWhole(old);
    // The mains were to blame, so the same release may try again.
    await box.install();
    await box.expectEnd(release.version, 'confirmed');
    await expectNextUpdate(context, release.version + 1);
    return 'whole old, by the guard; the same release and the next one confirmed';
  },
};

/** A box that stays up without its updater: the guard has to stop what runs, and may be cut anywhere. */
export const cutsGuardWatch: Scenario = {
  name: 'cuts-guard-watch',
  about:
    'a release takes the updater with it, the box stays up, and the power fails thrice while the guard puts it back',
  quick: false,
  from: 'box',
  limitS: 2 * 3600,
  async run(context) {
    const { machine, box, publisher, expect, random } = context;
    await machine.boot();
    await onConsoleToo(context);
    const chain = chainOn(context);
    // A folder that is put back before the one with VERSION, and takes its time.
    await machine.ok('head --bytes=20M /dev/urandom >/etc/opq/large && sync');
    await chain.configure({ health_stable_s: 300 });
    const release: Recipe = { version: 1_600_000_001, end: 'echo new >/etc/opq/added' };
    await publisher.publish(release);
    await box.install();
    await box.reaches('confirm');
    await shortPatience(context);
    await machine.onConsole(/no sign of the updater for/);
    for (let n = 0; n < 3; n++) {
      // Somewhere from the stop of the services to the last rename.
      await cutAt(context, 2500 * random());
      const [found] = await machine.onConsole(/the undo was cut off| ready\s/);
      // An updater that is up: the cut came after the last of it.
      if (found !== 'the undo was cut off') break;
    }
    const { because } = await chain.expectPutBack(release, 'GUARD_RESTORED');
    expect('why', /not heard of/.test(because?.message ?? ''), true);
    await chain.expectQuarantined();
    await chain.configure({});
    await chain.keeps({ version: release.version + 1 });
    return 'whole old, by the guard; the next update confirmed';
  },
};

/** The guard's words too, as those of the updater; and when it is done at the start of a boot. */
async function onConsoleToo({ machine }: Context): Promise<void> {
  const text = '[Service]\nStandardError=journal+console\n';
  const folder = '/usr/lib/systemd/system';
  await machine.push(text, `${folder}/opq-updater-watch.service.d/console.conf`);
  const looked = 'ExecStartPost=/bin/sh -c "echo guard has looked >/dev/ttyS0"\n';
  await machine.push(`${text}${looked}`, `${folder}/opq-updater-guard.service.d/console.conf`);
  await machine.ok('systemctl daemon-reload; sync');
}

/**
 * Kills the updater for good in this boot, and has the guard wait for a minute where it waits for ten: what the
 * snapshot says of itself is part of what it proves.
 */
async function shortPatience({ machine }: Context): Promise<void> {
  await machine.ok(`mkdir -p /run/systemd/system/opq-updater.service.d
    printf '[Service]\\nExecStart=\\nExecStart=/bin/sleep infinity\\nType=exec\\nWatchdogSec=0\\n' \
      >/run/systemd/system/opq-updater.service.d/gone.conf
    systemctl daemon-reload && systemctl kill --signal=KILL opq-updater.service
    cd /var/lib/opq-updater/trial && sed -i s/^heartbeat_s=.*/heartbeat_s=30/ about
    sha256sum tree.tar folders absent about >SHA256SUMS && sync`);
  await sleep(1000);
}
