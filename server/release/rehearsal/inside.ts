import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { makeSnapshot } from '../../../daemon/box/snapshot.ts';
import { refuseDetours } from '../../../daemon/writable.ts';
import { asUpdateError } from '../../../protocol/errors.ts';
import { crashTest } from './crash-points.ts';
import { describe, differencesOf } from './differences.ts';
import type { Call, CrashTested, Rehearsed, Request } from './rehearsal.ts';
import { type Ended, runScript } from './run-script.ts';
import { layOut, placesOf, removeTree, type Tree, treeOn } from './tree.ts';

/** What the process in the namespace does; its answer is one line. */
export async function rehearseInside(requestFile: string): Promise<string> {
  try {
    const request: Request = JSON.parse(await readFile(requestFile, 'utf8'));
    return JSON.stringify({ result: await tasks[request.task](request, await laidOut(request)) });
  } catch (error) {
    const { code, message } = asUpdateError(error);
    return JSON.stringify({ error: { code, message } });
  }
}

async function laidOut(request: Request): Promise<Tree> {
  const before = await layOut(request);
  await refuseDetours(before.root, request.writable);
  return before;
}

const tasks: Readonly<Record<Request['task'], (request: Request, before: Tree) => Promise<Rehearsed | CrashTested>>> = {
  async 'dry-run'(request, before) {
    const tree = await treeOn(request, 'run', before);
    const found = await rehearsed(request, { tree, before, ended: await runScript(request, tree) });
    await removeTree(request, 'run');
    return found;
  },

  async crashtest(request, before) {
    // Nothing comes and goes while it is made: the updater is none of the box's, and its version stays.
    await makeSnapshot(before.root, placesOf(request).snapshot, request.writable, {});
    return crashTest(request, before, rehearsed);
  },
};

async function rehearsed(
  request: Request,
  { tree, before, ended, callSteps = [] }: { tree: Tree; before: Tree; ended: Ended; callSteps?: readonly number[] },
): Promise<Rehearsed> {
  const texts = (await readFile(placesOf(request).calls, 'utf8')).split('\0').slice(0, -1);
  const calls: Call[] = texts.map((text, n) => ({ step: callSteps[n] ?? 0, text: text.trim() }));
  const versions = [before, tree].map(({ root }) => numberIn(join(root, request.versionPath)));
  const [installedBefore, installed] = (await Promise.all(versions)) as [number | null, number | null];
  const differences = describe(await differencesOf(tree, before), request);
  const { exitCode, timedOut, output } = ended;
  return { exitCode, timedOut, output: output.slice(-2000), differences, calls, installed, installedBefore };
}

async function numberIn(path: string): Promise<number | null> {
  // A link could lead out of the tree.
  if ((await realpath(path).catch(() => undefined)) !== path) return null;
  const text = (await readFile(path, 'utf8')).trim();
  return /^\d{1,12}$/.test(text) ? Number(text) : null;
}
