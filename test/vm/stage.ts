import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { boxOn } from './box.ts';
import type { BoxImage } from './box-image.ts';
import { makeOverlay } from './disk.ts';
import type { Image } from './image.ts';
import { openMachine } from './machine.ts';
import { makeKeys, openPublisher, serverPort } from './publisher.ts';
import { factory, installed } from './release.ts';
import type { Context, Scenario } from './scenario.ts';

/** What all scenarios of a run share. */
export interface Bench {
  /** The checkout. */
  readonly repo: string;
  readonly cache: string;
  readonly image: Image;
  /** Folder of the programs that are tested. */
  readonly programs: string;
  readonly deb: string | null;
  /** An installed box; made when it is first asked for, once. */
  box(): Promise<BoxImage>;
  /** Tells what is tested from what was tested before. */
  readonly tested: string;
  say(text: string): void;
}

export interface Stage {
  readonly context: Context;
  /** The machine's, in the scenario's folder. */
  readonly disk: string;
  close(): Promise<void>;
}

/** Sets one scenario up in its own folder: a machine that is off, over `start`, wired to an update server. */
export async function openStage(
  bench: Bench,
  { name }: Pick<Scenario, 'name'>,
  start: Image | BoxImage,
  folder: string,
  say: (text: string) => void,
): Promise<Stage> {
  const disk = join(folder, 'disk.qcow2');
  await makeOverlay(disk, start.disk);
  const publisher = await openPublisher(folder, bench.programs, await keysOf(bench, start, folder));
  const serve = { [serverPort]: publisher.server.port };
  const machine = openMachine({ folder, image: bench.image.folder, disk, serve });
  const old = { version: factory.version, tree: 'tree' in start ? start.tree : {} };
  return {
    context: {
      machine,
      box: boxOn(machine),
      publisher,
      old,
      whole: (recipe) => ({ version: recipe.version, tree: installed(old.tree, recipe) }),
      repo: bench.repo,
      programs: bench.programs,
      deb: bench.deb,
      random: seriesOf(name),
      say,
      expect,
    },
    disk,
    async close() {
      await machine.off();
      await publisher.close();
    },
  };
}

/** Those whose public half a box has pinned; for a bare image any will do. */
async function keysOf({ programs }: Bench, start: Image | BoxImage, folder: string): Promise<string> {
  if ('keys' in start) return start.keys;
  const keys = join(folder, 'keys');
  await makeKeys(programs, keys);
  return keys;
}

function seriesOf(name: string): () => number {
  let count = 0;
  return () => createHash('sha256').update(`${name} ${count++}`).digest().readUInt32BE(0) / 2 ** 32;
}

function expect<T>(what: string, found: T, expected: T): void {
  if (found === expected) return;
  throw new Error(`Expected ${what} to be ${JSON.stringify(expected)}, found ${JSON.stringify(found)}.`);
}
