import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { snapshotIntact } from '../../../daemon/box/snapshot.ts';
import { workerHere } from '../../../daemon/work/worker.ts';
import type { HistoryEntry } from '../../../protocol/views.ts';
import { type Action, toRest } from '../../crash/boots.ts';
import { releaseRunning, textOf } from '../../crash/box.ts';
import { serverUrl } from '../publisher.ts';
import { service } from '../release.ts';
import { type Tree, updatable } from '../tree.ts';
import { treeIn } from './mounted.ts';

/** What stands in for the machine around a disk. */
export interface Surroundings {
  /** Folders with programs in place of systemctl, reboot and sync; the guard of the repository. */
  readonly bin: string;
  readonly guard: string;
  /** Where the recorded releases are served now. */
  readonly server: string;
  /** A signed package that every box has to take in the end. */
  readonly next: string;
}

/** A box, looked at from outside. */
export interface Look {
  /** What the journal says; null = there is none. */
  readonly journal: { readonly step: string; readonly id: string | null } | null;
  readonly version: string;
  readonly tree: Tree;
  /** The release whose program the service runs. */
  readonly running: number | null;
  /** Oldest first. */
  readonly history: readonly HistoryEntry[];
  readonly onTrial: boolean;
  /** What a restore that was cut off has left beside the folders. */
  readonly leftovers: readonly string[];
  /** False: the snapshot of the release before is there, but damaged. */
  readonly previousIntact: boolean;
}

export interface Followed {
  readonly found: Look;
  readonly rest: Look;
  /** After one more update. */
  readonly after: Look;
  readonly log: readonly string[];
}

const state = '/var/lib/opq-updater';

/**
 * Boots what is mounted there: guard and updater do what they do in a box, until it rests; then once more with an
 * update from a stick.
 */
export async function follow(root: string, { bin, guard, server, next }: Surroundings, log: string[]) {
  const found = await lookAt(root);
  moveJournal(root, server);
  const boot = (actions: readonly Action[], up: boolean) =>
    toRest(
      {
        ...{ root, bin, guard, nowMs: Date.now(), newWorker: workerHere },
        // As the recorded box had one.
        gateway: 'answers',
        say: (line) => void log.push(line),
      },
      actions,
      { up },
    );
  await boot([], false);
  const rest = await lookAt(root);
  await boot([{ do: 'file', path: next }], true);
  return { found, rest, after: await lookAt(root), log } satisfies Followed;
}

async function lookAt(root: string): Promise<Look> {
  const at = (path: string) => join(root, path);
  const previous = at(`${state}/previous`);
  return {
    journal: journalIn(root),
    version: (textOf(at('/usr/local/box-config-daemon/VERSION')) ?? '').trim(),
    tree: await treeIn(root),
    running: releaseRunning(root, service) ?? null,
    history: historyIn(root),
    onTrial: existsSync(at(`${state}/trial`)),
    leftovers: updatable.flatMap((folder) =>
      readdirSync(at(dirname(folder))).filter((name) => name.startsWith('.opq-restore-')),
    ),
    previousIntact: !existsSync(previous) || (await snapshotIntact(previous)),
  };
}

function journalIn(root: string): Look['journal'] {
  const text = textOf(join(root, state, 'journal.json'));
  if (text === undefined) return null;
  const { at } = JSON.parse(text);
  return { step: at.step, id: at.update?.id ?? null };
}

function historyIn(root: string): HistoryEntry[] {
  const lines = (textOf(join(root, state, 'history.jsonl')) ?? '').split('\n').filter(Boolean);
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as HistoryEntry];
    } catch {
      return []; // torn by the cut; the updater passes over it too
    }
  });
}

/** The box lies below a folder now, and its server elsewhere: where the journal names them. */
function moveJournal(root: string, server: string): void {
  const path = join(root, state, 'journal.json');
  if (!existsSync(path)) return;
  const journal = JSON.parse(readFileSync(path, 'utf8').replaceAll(serverUrl, server));
  const { seal } = journal.at;
  // Units are not asked for here.
  if (seal) {
    const files = Object.entries(seal).filter(([name]) => name.startsWith('/'));
    journal.at.seal = Object.fromEntries(files.map(([name, print]) => [root + name, print]));
  }
  writeFileSync(path, `${JSON.stringify(journal)}\n`);
}
