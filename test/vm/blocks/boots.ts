import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BoxImage } from '../box-image.ts';
import type { Result } from '../results.ts';
import { runScenario } from '../run.ts';
import type { Scenario } from '../scenario.ts';
import type { Bench } from '../stage.ts';
import { openRebuilding, rawCopy } from './disk.ts';
import { good, next, wholeOf } from './releases.ts';
import type { Plan, Replayed } from './replay.ts';
import { judgeHistory } from './verdict.ts';

/** Where a box is in the greatest danger, by what is found on its disk. */
const risks: readonly { readonly about: string; of(one: Replayed): boolean }[] = [
  { about: 'half of install_update.sh', of: ({ step, release }) => step === 'install' && release === 'half' },
  { about: 'on trial, the journal not yet', of: ({ step, onTrial }) => step === 'stop' && onTrial },
  { about: 'half of the restore', of: ({ step, restoring }) => step === 'rollback' && restoring },
  { about: 'the earlier release not yet proven', of: ({ step }) => step === 'restored' },
  { about: 'the new release not yet confirmed', of: ({ step }) => step === 'confirm' },
  // In place of those that the points did not hit.
  { about: 'while the script runs', of: ({ step }) => step === 'install' },
  { about: 'while it is put back', of: ({ step }) => step === 'rollback' },
  { about: 'just before anything is touched', of: ({ step }) => step === 'stop' },
  { about: 'between script and reboot', of: ({ step }) => step === 'reboot' },
  { about: 'anywhere else', of: () => true },
];

export interface Chosen {
  readonly about: string;
  readonly one: Replayed;
}

/** The riskiest, no disk twice; disks with blocks that are torn first. */
export function chooseBoots(all: readonly Replayed[], count: number): Chosen[] {
  const left = [...all].sort((a, b) => Number(b.point.what === 'some') - Number(a.point.what === 'some'));
  const chosen: Chosen[] = [];
  for (const { about, of } of risks) {
    const found = left.findIndex((one) => of(one));
    if (found >= 0 && chosen.length < count) chosen.push({ about, one: left.splice(found, 1)[0]! });
  }
  return chosen.sort((a, b) => a.one.point.before - b.one.point.before);
}

/**
 * Boots each of these disks in QEMU, one after the other.
 * @param done is told of each
 */
export async function bootThem(
  bench: Bench,
  image: BoxImage,
  plan: Plan,
  chosen: readonly Chosen[],
  done: (result: Result) => void,
): Promise<void> {
  const rebuilding = openRebuilding(await rawCopy(plan.base, plan.disks), plan.recording.log, plan.entries);
  await mkdir(join(bench.cache, 'runs'), { recursive: true });
  try {
    for (const { about, one } of chosen) {
      const disk = join(plan.folder, 'booted.qcow2');
      const raw = await rebuilding.rebuild(one.point);
      await promisify(execFile)('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, disk]);
      const result = await runScenario(
        { ...bench, box: async () => ({ ...image, disk }) },
        scenarioOf(plan, about, one),
      );
      bench.say(`${result.name}: ${result.passed ? 'passed' : 'LOST'} in ${result.seconds} s: ${result.end}`);
      done(result);
      await rm(disk);
    }
  } finally {
    await rebuilding.close();
  }
}

const scenarioOf = ({ recording }: Plan, about: string, { point }: Replayed): Scenario => ({
  name: `disk-${point.n}`,
  about,
  quick: false,
  from: 'box',
  async run({ machine, box, publisher, old, expect }) {
    const { sound, report } = await machine.checkFileSystem();
    if (!sound) throw new Error(`The file system is not sound after its journal was replayed: ${report}`);
    await machine.boot();
    await box.atRest();
    const history = [...(await box.history())].reverse();
    const wrong = judgeHistory(history, recording.ends);
    if (wrong.length > 0) throw new Error(wrong.join('; '));
    const whole = await box.expectWhole(old, wholeOf(old, good));
    const told = history.findLast(({ outcome }) => outcome === 'confirmed')?.to ?? old.version;
    expect('VERSION as the history has it', whole.version, told);
    const last = history.at(-1);
    await publisher.publish(next);
    await box.install();
    await box.expectEnd(next.version, 'confirmed');
    await box.expectWhole(wholeOf(old, next));
    const end = `${last?.outcome ?? 'no update'} ${last?.because?.code ?? ''}`.trim();
    return `${end}: whole ${whole === old ? 'old' : 'new'}; the next update confirmed`;
  },
});
