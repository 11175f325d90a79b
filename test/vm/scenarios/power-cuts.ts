import type { UpdateStep } from '../../../protocol/views.ts';
import type { Whole } from '../box.ts';
import { type Chain, chainOn } from '../chain.ts';
import { cutAt, cutAtStep, expectNextUpdate } from '../cut.ts';
import type { Recipe } from '../release.ts';
import type { Context, Scenario } from '../scenario.ts';

/** Half a megabyte that no packer makes small: an emulated processor needs a second or more for each step. */
export const data = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`data-${n}`, digits(n, 60_000)]));

function digits(seed: number, length: number): string {
  let text = '';
  // As good as random to bzip2, and the same in every run.
  for (let x = seed + 1; text.length < length; x = (x * 48_271) % 2_147_483_647) text += x.toString(36);
  return text;
}

/** Each step in which nothing was changed yet, again and again: the update goes on by itself in the next boot. */
export const cutsBeforeScript: Scenario = {
  name: 'cuts-before-script',
  about: 'the power fails twice in each step from download to stop, in boot after boot of one update',
  quick: false,
  from: 'box',
  limitS: 2 * 3600,
  async run(context) {
    const { machine, box, publisher, old, whole } = context;
    await machine.boot();
    const release: Recipe = { version: 1_600_000_001, data };
    await publisher.publish(release);
    await box.install();
    // How long a step lasts in here, in ms, and a bit of the one after it.
    const lasts = { download: 1500, verify: 4000, unpack: 3000, snapshot: 4000, stop: 400 };
    for (const [step, ms] of Object.entries(lasts) as [UpdateStep, number][]) {
      for (let n = 0; n < 2; n++) await cutAtStep(context, step, ms);
    }
    await machine.settled();
    return whatItIs(context, release, [old, whole(release)]);
  },
};

/** However it ended: the box is one of the two, its history says which, and the next update works. */
async function whatItIs(context: Context, { version }: Recipe, acceptable: readonly Whole[]): Promise<string> {
  const { box } = context;
  await box.atRest();
  const [newest] = await box.history();
  if (newest?.outcome === 'confirmed') await box.expectEnd(version, 'confirmed');
  else await box.expectEnd(version, 'rolled back', 'POWER_LOST');
  const found = await box.expectWhole(...acceptable);
  const told = newest?.outcome === 'confirmed' ? version : newest?.from;
  context.expect('VERSION as the history has it', found.version, told);
  await expectNextUpdate(context, version + 1);
  return `${newest?.outcome}: whole ${found.version === version ? 'new' : 'old'}; the next update confirmed`;
}

/** Half-way is the worst; the undo of it is cut as well, again and again. */
export const cutsInScript: Scenario = {
  name: 'cuts-in-script',
  about: 'the power fails at four moments of install_update.sh, then several times while that is put back',
  quick: false,
  from: 'box',
  limitS: 2 * 3600,
  async run(context) {
    const { machine, box, publisher, old, expect, random } = context;
    await machine.boot();
    const wait = (word: string) => `sync; echo ${word} >/dev/ttyS0; sleep 300`;
    const copying =
      'for n in $(seq 100); do cp -R box-config-daemon /usr/local/box-config-daemon/copy-$n; sleep 0.1; done';
    const moments: readonly { readonly script: Partial<Recipe>; readonly undo: readonly UpdateStep[] }[] = [
      { script: { begin: wait('here') }, undo: ['rollback'] },
      // Copying, not waiting.
      { script: { middle: `echo here >/dev/ttyS0; ${copying}` }, undo: ['rollback', 'rollback'] },
      { script: { middle: wait('here') }, undo: ['restored'] },
      // VERSION is the new one already.
      { script: { end: wait('here') }, undo: ['rollback', 'restored'] },
    ];
    let version = 1_600_000_000;
    for (const { script, undo } of moments) {
      version += 1;
      await publisher.publish({ version, data, ...script });
      await box.install();
      await machine.onConsole(/^here/m);
      await cutAt(context, 500 * random());
      for (const step of undo) await cutAtStep(context, step, 4000);
      await machine.settled();
      const { step } = await box.expectEnd(version, 'rolled back', 'POWER_LOST');
      expect('step of the cut', step, 'install');
      await box.expectWhole(old);
      expect('releases in quarantine', await quarantined(context), 0);
    }
    await expectNextUpdate(context, version + 1);
    return 'whole old, by rollback, each time; the next update confirmed';
  },
};

/** From the reboot on the release is in place, and what counts is whether it may stay. */
export const cutsAfterScript: Scenario = {
  name: 'cuts-after-script',
  about: 'the power fails before and in the reboot, early in the boot and twice in confirm; then too often',
  quick: false,
  from: 'box',
  limitS: 2 * 3600,
  async run(context) {
    const { machine, box, publisher, expect, random } = context;
    await machine.boot();
    const chain = chainOn(context);
    // A cut may come in the step after the one that it is meant for, which then counts as well.
    await chain.configure({ health_stable_s: 90, trial_boots: 8 });
    const good: Recipe = { version: 1_600_000_001 };
    await publisher.publish(good);
    await box.install();
    await cutAtStep(context, 'reboot', 3000);
    // Before the updater runs: the guard counts this boot.
    await machine.agent();
    await cutAt(context, 1000 * random());
    for (let n = 0; n < 2; n++) await cutAtStep(context, 'confirm', 5000);
    await chain.expectKept(good);

    await chain.configure({ health_stable_s: 90 });
    const unlucky: Recipe = { version: 1_600_000_002 };
    await publisher.publish(unlucky);
    const from = machine.console().length;
    await box.install();
    for (let n = 0; n < 3; n++) {
      // Each cut begins another console.
      const cut = await cutAtStep(context, 'confirm', 5000, n === 0 ? from : 0);
      expect('step that was cut', cut, 'confirm');
    }
    const { step } = await chain.expectPutBack(unlucky, 'POWER_LOST');
    expect('step of the cuts', step, 'confirm');
    expect('releases in quarantine', await quarantined(context), 0);
    // The mains were to blame, so the same release may try again.
    await box.install();
    await chain.expectKept(unlucky);
    return 'confirmed in the end; after three cuts in confirm whole old, without quarantine; confirmed when asked again';
  },
};

/** The one of those that runs on every change. */
export const cutDuringConfirm: Scenario = {
  name: 'cut-during-confirm',
  about: 'the power fails while the release is on trial',
  quick: true,
  from: 'box',
  async run(context) {
    const { machine, box, publisher, expect } = context;
    await machine.boot();
    const chain = await onTrialForLonger(context);
    const release = { version: 1_600_000_001 };
    await publisher.publish(release);
    await box.install();
    expect('step that was cut', await cutAtStep(context, 'confirm', 5000), 'confirm');
    await chain.expectKept(release);
    return 'whole new, confirmed in the boot after the cut';
  },
};

/** So that a cut finds it on trial, on a fast machine and on a slow one. */
async function onTrialForLonger(context: Context): Promise<Chain> {
  const chain = chainOn(context);
  await chain.configure({ health_stable_s: 90 });
  return chain;
}

async function quarantined({ machine }: Context): Promise<number> {
  const { out } = await machine.run('cat /var/lib/opq-updater/quarantine.json');
  return out.split('"sha256"').length - 1;
}
