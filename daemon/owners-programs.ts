import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tools } from './tools.ts';

/** One program of the box's owner, and its answer. */
export interface Program {
  readonly name: string;
  /** Null: it did not end in time, or a signal ended it. */
  readonly exitCode: number | null;
  /** The end of what it printed, one line. */
  readonly said: string;
}

const longest = 200;

/**
 * Runs every program in a folder of the box, by name, one after the other.
 * @param folder as the box sees it; none there = nobody has programs of their own
 */
export async function askPrograms(
  { box, places, log }: Pick<Tools, 'box' | 'places' | 'log'>,
  folder: string,
  timeoutMs: number,
): Promise<Program[]> {
  const answers: Program[] = [];
  const names = await readdir(places.at(folder)).catch(() => []);
  for (const name of names.sort()) {
    const path = join(places.at(folder), name);
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!runs) {
      log.warn('a program is not executable and was not run', { path });
      continue;
    }
    const { exitCode, output } = await box.runProgram(path, timeoutMs);
    answers.push({ name, exitCode, said: output.trim().replaceAll(/\s+/g, ' ').slice(-longest) });
  }
  return answers;
}
