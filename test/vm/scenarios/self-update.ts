import { dirname } from 'node:path';
import {
  badUpdater,
  type UpdaterFiles,
  updaterBelow,
  updaterFolder,
  workingUpdater,
} from '../../support/an-updater.ts';
import type { Whole } from '../box.ts';
import { installed, type Recipe } from '../release.ts';
import type { Context, Scenario } from '../scenario.ts';

const versions = '/opt/opq-updater';

/** A release that brings the updater, in a folder of its component. */
const bringing = (release: number, version: string, program: UpdaterFiles | string): Recipe => ({
  version: release,
  data: updaterBelow('updater', program),
  updateJson: { updater: { version, path: 'box-config-daemon/updater' } },
});

/** The updater that is tested, but for the version that it says. */
const tested = ({ deb }: Context, version: string): UpdaterFiles => workingUpdater(version, dirname(deb ?? ''));

export const selfUpdate: Scenario = {
  name: 'self-update',
  about: 'a release brings a new version of the updater, which confirms it; the undo puts the factory copy back',
  quick: false,
  from: 'box',
  async run(context) {
    const { machine, box, publisher, old, whole, expect } = context;
    await machine.boot();
    const release = bringing(1_600_000_001, '7.1.0', tested(context, '7.1.0'));
    await publisher.publish(release);
    await box.install();
    await box.expectEnd(release.version, 'confirmed');
    await box.expectWhole(whole(release));
    await expectUpdater(context, '7.1.0');
    expect(
      'what opq-updater says it is',
      (await box.updater('--version')).out,
      `opq-updater 7.1.0 (${versions}/7.1.0)\n`,
    );
    const names = Object.keys(updaterFolder(tested(context, '7.1.0'))).sort();
    const kept = await machine.ok(`stat -c '%a %U:%G %n' ${versions}/7.1.0 ${versions}/7.1.0/*`);
    expect(
      'modes and owners',
      kept.replaceAll(`${versions}/`, ''),
      `755 root:root 7.1.0\n${names.map((name) => `644 root:root 7.1.0/${name}\n`).join('')}`,
    );
    expect('exit code of rollback', (await box.updater('rollback')).code, 0);
    await box.expectEnd(release.version, 'undone', 'ROLLED_BACK');
    await box.expectWhole(old);
    expect('link after the undo', (await machine.run(`readlink ${versions}/current`)).out, '');
    return 'confirmed by the new version, undone to the factory copy';
  },
};

/** In a chain, as each has to leave a box that can take the next. */
export const selfUpdateBad: Scenario = {
  name: 'self-update-bad',
  about: 'releases bring versions of the updater that crash, exit 0 and hang, where a self-update is in use',
  quick: false,
  from: 'box',
  limitS: 5400,
  async run(context) {
    const { machine, box, publisher } = context;
    await machine.boot();
    const good = bringing(1_600_000_001, '7.1.0', tested(context, '7.1.0'));
    await publisher.publish(good);
    await box.install();
    await box.expectEnd(good.version, 'confirmed');
    await expectUpdater(context, '7.1.0');

    const wholeNow = async (): Promise<Whole> => ({ version: good.version, tree: await box.tree() });
    await putBack(context, 2, 'throw new Error("crashed")', 'UPDATER_BROKEN', await wholeNow());
    await putBack(context, 3, 'process.exit(0)', 'UPDATER_BROKEN', await wholeNow());
    // As short as it may be: this one is the guard's.
    await machine.ok('opq-updater config set trial_heartbeat_s 180');
    await putBack(context, 4, 'setInterval(() => {}, 1000)', 'GUARD_RESTORED', await wholeNow());

    const before = await box.tree();
    const last = bringing(1_600_000_009, '7.9.0', tested(context, '7.9.0'));
    await publisher.publish(last);
    await box.install();
    await box.expectEnd(last.version, 'confirmed');
    await box.expectWhole({ version: last.version, tree: installed(before, last) });
    await expectUpdater(context, '7.9.0');
    return 'each put back with its updater; the next good one confirmed';
  },
};

/** One release whose updater is bad as a daemon: the release and the updater before it come back. */
async function putBack(context: Context, n: number, daemon: string, code: string, before: Whole): Promise<void> {
  const { box, publisher, say } = context;
  const version = `7.${n}.0`;
  const bad = bringing(1_600_000_000 + n, version, badUpdater(version, daemon));
  await publisher.publish(bad);
  await box.install();
  const { because } = await box.expectEnd(bad.version, 'rolled back', code);
  say(`${daemon}: ${because?.message}`);
  await box.expectWhole(before);
  await expectUpdater(context, '7.1.0');
}

/** It is this version that runs, and all others that are left are kept for an undo. */
async function expectUpdater({ machine, box, expect }: Context, version: string): Promise<void> {
  const { updater_version, updater_program } = await box.status();
  expect('version of the updater', updater_version, version);
  expect('program of the updater', updater_program, `${versions}/${version}/opq-updater.js`);
  expect('link', (await machine.ok(`readlink ${versions}/current`)).trim(), version);
  expect('marks', await machine.ok(`ls -d ${versions}/*/bad 2>/dev/null || true`), '');
}
