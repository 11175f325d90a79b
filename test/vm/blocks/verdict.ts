import type { HistoryEntry } from '../../../protocol/views.ts';
import type { Whole } from '../box.ts';
import { differences } from '../tree.ts';
import type { Followed, Look } from './follow.ts';
import type { Mark, Recording } from './recording.ts';
import { bad, good, next } from './releases.ts';

/** Releases that a box may have, whole; the one that it had before first. */
export type Wholes = readonly Whole[];

/**
 * Whether a box came out of a power cut as it must: each line is something that it did not.
 * @param cutAtBytes where in the log of the disk the power failed
 */
export function judge({ found, rest, after }: Followed, cutAtBytes: number, recording: Recording, wholes: Wholes) {
  const wrong = [...promisesBroken(found, cutAtBytes, recording.marks), ...judgeRest(rest, wholes)];
  const gone = found.history.filter(({ id }) => !rest.history.some((entry) => entry.id === id));
  for (const { id } of gone) wrong.push(`the history told of ${id} and does not any more`);
  const begun = found.journal?.id;
  if (begun && !rest.history.some(({ id }) => id === begun)) wrong.push(`the history does not tell of ${begun}`);
  wrong.push(...judgeHistory(rest.history, recording.ends));
  const [last] = after.history.slice(-1);
  if (last?.to !== next.version || last.outcome !== 'confirmed')
    wrong.push(`the next update: ${last?.outcome} ${last?.because?.message ?? ''}`);
  return [...wrong, ...judgeRest(after, wholes).map((what) => `after the next update: ${what}`)];
}

/** What the updater had said on the console was on the disk by then. */
function promisesBroken({ journal, history }: Look, cutAtBytes: number, marks: readonly Mark[]): string[] {
  const said = marks.filter(({ atBytes }) => atBytes <= cutAtBytes);
  const wrong = said
    .filter(({ word, id }) => word === 'ended' && !history.some((entry) => entry.id === id))
    .map(({ id }) => `${id} had ended, and the history on the disk does not say so`);
  const word = journal?.step === 'idle' ? 'ended' : journal?.step;
  const saved = marks.findLastIndex((mark) => mark.word === word && mark.id === journal?.id);
  if (saved < said.length - 1 && said.length > 0) {
    const { word, id } = said.at(-1)!;
    wrong.push(`the updater had said ${word} of ${id}, the journal says ${journal?.step} of ${journal?.id}`);
  }
  return wrong;
}

/** At rest, whole, and what its history says. */
function judgeRest(look: Look, wholes: Wholes): string[] {
  const { journal, version, tree, running, history, onTrial, leftovers, previousIntact } = look;
  const wrong: string[] = [];
  const expect = (ok: boolean, what: string) => ok || wrong.push(what);
  const told = history.findLast(({ outcome }) => outcome === 'confirmed')?.to ?? wholes[0]!.version;
  const whole = wholes.find((one) => one.version === told);
  expect(journal === null || journal.step === 'idle', `the journal rests in ${journal?.step}`);
  expect(version === String(told), `VERSION says ${version}, by its history the box should run ${told}`);
  expect(running === told, `the service runs ${running ?? 'nothing'}, expected ${told}`);
  wrong.push(...differences(tree, whole?.tree ?? {}));
  expect(!onTrial, 'there is still a release on trial');
  expect(leftovers.length === 0, `left over: ${leftovers}`);
  expect(previousIntact, 'the kept snapshot is damaged');
  return wrong;
}

/** Cut off between the first service that was stopped and the end of the script: put back. */
const cutOff = ({ outcome, because, step }: HistoryEntry): boolean =>
  outcome === 'rolled back' && because?.code === 'POWER_LOST' && (step === 'stop' || step === 'install');

/** Each update once, as it ended where it was recorded, or put back since the power failed. */
export function judgeHistory(history: readonly HistoryEntry[], ends: Recording['ends']): string[] {
  const recorded = history.filter(({ to }) => to === bad.version || to === good.version);
  return recorded.flatMap((entry, n) => {
    const { id, outcome, because } = entry;
    const end = ends[n];
    if (end?.id !== id) return [`the history tells of ${id}, expected ${end?.id}`];
    if (cutOff(entry) || (outcome === end.outcome && because?.code === end.because?.code)) return [];
    return [
      `the history says ${outcome} ${because?.code ?? ''} of ${id}, expected ${end.outcome} ${end.because?.code}`,
    ];
  });
}
