import { existsSync, statSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type HistoryEntry, updateSteps } from '../../../protocol/views.ts';
import { type Bench, openStage, type Stage } from '../stage.ts';
import { bad, good, wholeOf } from './releases.ts';

/** Two updates of one box, one that is put back and one that stays, with every write and flush of its disk. */
export interface Recording {
  /** What was tested, on which box. */
  readonly tested: string;
  /** The log of the disk, from the power-on before; see log.ts. */
  readonly log: string;
  /** Folder that the releases were fetched from. */
  readonly updates: string;
  /** Oldest first. */
  readonly marks: readonly Mark[];
  /** How the two ended, oldest first. */
  readonly ends: readonly HistoryEntry[];
}

/** Something that the updater said on the console. */
export interface Mark {
  /** A step that began, or `ended`. */
  readonly word: string;
  /** The update's. */
  readonly id: string;
  /** Length of the disk's log when it was seen: what the log has behind this came later. */
  readonly atBytes: number;
}

/** Records anew, or takes what an earlier run has recorded of the same package. */
export async function recordingOf(bench: Bench, folder: string, again: boolean): Promise<Recording> {
  const file = join(folder, 'recording.json');
  const tested = `${bench.tested} ${(await bench.box()).id}`;
  if (again && existsSync(file)) {
    const known = JSON.parse(await readFile(file, 'utf8')) as Recording;
    if (known.tested === tested) return known;
  }
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const recording = { tested, ...(await record(bench, folder)) };
  await writeFile(file, JSON.stringify(recording, null, 1));
  return recording;
}

async function record(bench: Bench, folder: string): Promise<Omit<Recording, 'tested'>> {
  const log = join(folder, 'disk.log');
  await writeFile(log, '');
  const stage = await openStage(bench, { name: 'blocks' }, await bench.box(), folder, bench.say);
  try {
    const { machine, box, publisher, old } = stage.context;
    await machine.boot({ log });
    const watched = watch(stage, log);
    bench.say('recording an update that is put back ...');
    await publisher.publish(bad);
    await box.install();
    await box.expectEnd(bad.version, 'rolled back', 'HEALTH_FAILED');
    await box.expectWhole(old);
    bench.say('recording an update that stays ...');
    await publisher.publish(good);
    await box.install();
    await box.expectEnd(good.version, 'confirmed');
    await box.expectWhole(wholeOf(old, good));
    const ends = [...(await box.history())].reverse();
    return { log, updates: publisher.updates, marks: watched.end(), ends };
  } finally {
    await stage.close();
  }
}

const said = new RegExp(` (?:(${updateSteps.join('|')})|update (ended)) update=(\\S+)`, 'g');

/** Notes how long the log is whenever the updater has said something. */
function watch({ context: { machine } }: Stage, log: string) {
  const marks: Mark[] = [];
  const look = () => {
    const all = [...machine.console().matchAll(said)];
    const atBytes = statSync(log).size;
    for (const [, step, ended, id = ''] of all.slice(marks.length))
      marks.push({ word: step ?? ended ?? '', id, atBytes });
  };
  const timer = setInterval(look, 20);
  return {
    end(): readonly Mark[] {
      clearInterval(timer);
      look();
      return marks;
    },
  };
}
