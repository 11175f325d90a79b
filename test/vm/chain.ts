import type { HistoryEntry } from '../../protocol/views.ts';
import type { Whole } from './box.ts';
import { config } from './box-image.ts';
import { installed, type Recipe } from './release.ts';
import type { Context } from './scenario.ts';

/** One release after the other on one box: a machine's boot is dear, and a box in the field sees many of them too. */
export interface Chain {
  /** What is on the box now, and what it must come back to. */
  readonly now: Whole;
  /** Changes keys of the box's configuration. */
  configure(keys: object): Promise<void>;
  /** Offers a release that must not stay, and waits until the box is what it was. */
  putsBack(release: Recipe, code: string): Promise<HistoryEntry>;
  /** Offers a release that must stay. */
  keeps(release: Recipe): Promise<HistoryEntry>;
  /** For a release that was begun in another way. */
  expectPutBack(release: Recipe, code: string): Promise<HistoryEntry>;
  expectKept(release: Recipe): Promise<HistoryEntry>;
  /** The release on offer failed by its own fault: the schedule passes it by, and a person is told why. */
  expectQuarantined(): Promise<void>;
}

export function chainOn({ machine, box, publisher, old, expect }: Context): Chain {
  let now = old;
  const begin = async (release: Recipe) => {
    await publisher.publish(release);
    await box.install();
  };
  const chain: Chain = {
    get now() {
      return now;
    },
    async configure(keys) {
      await machine.push(`${JSON.stringify({ ...config, ...keys }, null, 2)}\n`, '/etc/opq/updater_config.json');
      now = { ...now, tree: await box.tree() };
    },
    async putsBack(release, code) {
      await begin(release);
      return chain.expectPutBack(release, code);
    },
    async keeps(release) {
      await begin(release);
      return chain.expectKept(release);
    },
    async expectPutBack({ version }, code) {
      const entry = await box.expectEnd(version, 'rolled back', code);
      await box.expectWhole(now);
      return entry;
    },
    async expectKept(release) {
      const entry = await box.expectEnd(release.version, 'confirmed');
      now = { version: release.version, tree: installed(now.tree, release) };
      await box.expectWhole(now);
      return entry;
    },
    async expectQuarantined() {
      const ends = (await box.history()).length;
      expect('exit code of check --install', (await box.updater('check --install')).code, 5);
      const asked = await box.updater('install');
      expect('exit code of install', asked.code, 5);
      expect('QUARANTINED in its answer', /QUARANTINED/.test(`${asked.out}${asked.err}`), true);
      await box.expectWhole(now);
      expect('updates in the history', (await box.history()).length, ends);
    },
  };
  return chain;
}
