import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathText } from '../../../daemon/box/undo/image.ts';
import { UpdateError } from '../../../protocol/errors.ts';
import { describe, differencesOf } from './differences.ts';
import { type Command, type CrashTested, placeOf, type Rehearsed, type Request, type Stop } from './rehearsal.ts';
import { type Ended, runRestore, runScript } from './run-script.ts';
import { leaveTree, placesOf, removeTree, type Tree, treeOn } from './tree.ts';

type Found = Awaited<ReturnType<typeof differencesOf>>;
type Describe = (
  request: Request,
  run: { tree: Tree; before: Tree; ended: Ended; callSteps: readonly number[] },
) => Promise<Rehearsed>;

/** What holds the time of a run in seconds is another one in the next. */
const betweenRunsMs = 1100;

/**
 * Stops the script before each of its commands and after the last. From what is then on the disk it is undone as the
 * box does it, which has to give the box as it was; and, apart from that, the script is run again to its end, which
 * has to give what it gives uninterrupted.
 * @throws UpdateError INSTALL_SCRIPT_FAILED, INSTALL_TIMED_OUT when it does not even come to its end undisturbed
 */
export async function crashTest(request: Request, before: Tree, rehearsed: Describe): Promise<CrashTested> {
  const { commands, whole, found } = await undisturbed(request, before, rehearsed);
  const varying = await varyingPaths(request, before, found);
  const states = new Map<string, Omit<Stop, 'step'>>();
  const stops: Stop[] = [];
  for (const step of chosen(commands.length + 1, request.maxStops)) {
    const stopped = await stopBefore(request, before, step);
    const paths = [...(await differencesOf(stopped, before))];
    // Most commands change nothing: what is known of the state before is known of theirs.
    const state = JSON.stringify(paths.map(([path, { after }]) => [path, after?.what]));
    await leaveTree(request, 'stopped');
    if (!states.has(state)) {
      states.set(state, {
        notUndone: await notUndone(request, before, stopped),
        again: await runAgain(request, { before, stopped, found, varying }),
      });
    }
    stops.push({ step, ...states.get(state)! });
    await removeTree(request, 'stopped');
  }
  return { whole, commands, stops, states: states.size, varying: [...varying].map(pathText) };
}

async function undisturbed(request: Request, before: Tree, rehearsed: Describe) {
  const commands: Command[] = [];
  const callSteps: number[] = [];
  const noteCalls = () => {
    const count = readFileSync(placesOf(request).calls, 'latin1').split('\0').length - 1;
    while (callSteps.length < count) callSteps.push(commands.length);
  };
  const tree = await treeOn(request, 'whole', before);
  const ended = await runScript(request, tree, (command) => {
    noteCalls();
    commands.push(command);
    return true;
  });
  noteCalls();
  mustEndWell(ended, request, commands.at(-1));
  const whole = await rehearsed(request, { tree, before, ended, callSteps });
  const found = await differencesOf(tree, before);
  await removeTree(request, 'whole');
  return { commands, whole, found };
}

function mustEndWell({ exitCode, timedOut, output }: Ended, { timeoutMs }: Request, last?: Command): void {
  const where = last ? `, ${timedOut ? 'in' : 'after'} ${placeOf(last)}` : '';
  if (timedOut) {
    const message = `install_update.sh was still running after ${timeoutMs / 1000} s${where}.`;
    throw new UpdateError('INSTALL_TIMED_OUT', message);
  }
  if (exitCode === 0) return;
  const said = lastLine(output);
  throw new UpdateError('INSTALL_SCRIPT_FAILED', `install_update.sh ends with ${exitCode}, undisturbed${where}${said}`);
}

const lastLine = (output: string): string => {
  const line = output.trim().split('\n').at(-1);
  return line ? `: ${line}` : '.';
};

/** A second run that is not watched: what comes out otherwise cannot be compared. */
async function varyingPaths(request: Request, before: Tree, found: Found): Promise<Set<string>> {
  await sleep(betweenRunsMs);
  const tree = await treeOn(request, 'second', before);
  mustEndWell(await runScript(request, tree), request);
  const second = await differencesOf(tree, before);
  await removeTree(request, 'second');
  return new Set(differing(second, found));
}

const differing = (one: Found, other: Found): string[] =>
  [...new Set([...one.keys(), ...other.keys()])]
    .filter((path) => one.has(path) !== other.has(path) || one.get(path)?.after?.what !== other.get(path)?.after?.what)
    .sort();

/** All of them, or as many as may be, from the whole length of the script. */
function chosen(count: number, max: number): number[] {
  if (count <= max) return Array.from({ length: count }, (_, n) => n + 1);
  return Array.from({ length: max }, (_, n) => 1 + Math.round((n * (count - 1)) / Math.max(1, max - 1)));
}

async function stopBefore(request: Request, before: Tree, last: number): Promise<Tree> {
  const tree = await treeOn(request, 'stopped', before);
  await runScript(request, tree, (_, step) => step < last);
  return tree;
}

async function notUndone(request: Request, before: Tree, stopped: Tree): Promise<string[]> {
  const tree = await treeOn(request, 'undone', stopped);
  const { exitCode, output } = await runRestore(request, tree);
  const left = describe(await differencesOf(tree, before), request).map(({ path }) => path);
  await removeTree(request, 'undone');
  // As when the script took away what the undo needs, such as tar.
  return exitCode === 0 ? left : [`the undo itself, which ends with ${exitCode}${lastLine(output)}`];
}

async function runAgain(
  request: Request,
  { before, stopped, found, varying }: { before: Tree; stopped: Tree; found: Found; varying: ReadonlySet<string> },
): Promise<string | null> {
  const tree = await treeOn(request, 'again', stopped);
  const { exitCode, timedOut, output } = await runScript(request, tree);
  const different = differing(await differencesOf(tree, before), found).filter((path) => !varying.has(path));
  await removeTree(request, 'again');
  if (timedOut) return `it does not end within ${request.timeoutMs / 1000} s`;
  if (exitCode !== 0) return `it ends with ${exitCode}${lastLine(output)}`;
  const [first] = different;
  if (first === undefined) return null;
  const more = different.length > 1 ? ` and ${different.length - 1} more` : '';
  return `${pathText(first)}${more}: other than what an uninterrupted run leaves`;
}
