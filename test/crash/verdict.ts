/** Whether a box came out of a crash as it must: each line of the answer is something that it did not. */
import type { ErrorCode } from '../../protocol/error-codes.ts';
import type { Moment, Told } from './chronicle.ts';
import type { Report } from './report.ts';

/** What the judge knows of a recording. */
export interface Case {
  /** Release that the box runs before anything happens. */
  readonly from: number;
  /** Trees by release; of the first one also with times. */
  readonly trees: ReadonlyMap<number, string>;
  readonly treeWithTimes: string;
  /** How each update ends when nothing comes between: id to what its last line in the history says. */
  readonly ends: ReadonlyMap<string, readonly End[]>;
  /** How else an update may end when the box was cut off. */
  readonly otherwise: readonly ErrorCode[];
}

export type End = Pick<Report['history'][number], 'outcome' | 'from' | 'to'> & { readonly code: ErrorCode | null };

/** Failures for which the release is blamed. */
const blamed = ['INSTALL_SCRIPT_FAILED', 'INSTALL_TIMED_OUT', 'WRONG_VERSION_INSTALLED', 'HEALTH_FAILED'];
/** Boots may also be cut by flaky mains: that condemns no release. */
const isBlamed = ({ code, message }: { code: ErrorCode; message: string }) =>
  blamed.includes(code) || (code === 'GUARD_RESTORED' && !message.includes('boots'));
const documented =
  /^(box-id|black-box(\.old)?\.jsonl|held-since|floor|history\.jsonl|journal\.json|previous|quarantine\.json)$/;
const kept = /\.tar\.bz2\.unverified(\.etag)?$/;

/** @param told what the journal said on the disk that the box was booted from */
export function judge(report: Report, moment: Moment, told: Told | null, facts: Case): string[] {
  if (report.error !== null) return [report.error];
  const wrong: string[] = [];
  const expect = (ok: boolean, what: string) => ok || wrong.push(what);
  const { history } = report;

  const journal = journalFault(moment, told);
  if (journal !== null) wrong.push(journal);

  let runs = facts.from;
  const confirmed: number[] = [];
  for (const { outcome, from, to } of history) {
    runs = outcome === 'confirmed' ? to : (from ?? 0);
    if (outcome === 'confirmed') confirmed.push(to);
  }
  expect(report.version === String(runs), `VERSION says ${report.version}, by its history the box should run ${runs}`);
  expect(report.running === runs, `the service runs ${report.running ?? 'nothing'}, expected ${runs}`);
  expect(report.tree === facts.trees.get(runs), `the files are not those of ${runs}`);
  const untouched = runs === facts.from && !confirmed.length;
  expect(
    !untouched || report.treeWithTimes === facts.treeWithTimes,
    `the files of ${runs} are there, but not their times`,
  );
  expect(
    report.step === 'idle' || (report.step === 'none' && moment.saved === null),
    `the journal rests in ${report.step}`,
  );
  expect(
    report.names.every((name) => documented.test(name)),
    `left over: ${report.names.filter((name) => !documented.test(name))}`,
  );
  expect(
    report.downloads.every((name) => kept.test(name)),
    `left over: ${report.downloads.filter((name) => !kept.test(name))}`,
  );

  for (const id of new Set([...facts.ends.keys(), ...history.map((entry) => entry.id)])) {
    for (const what of judgeUpdate(id, report, moment, facts)) wrong.push(what);
  }
  const highest = Math.max(0, ...confirmed);
  expect(report.floor === highest, `the floor is ${report.floor}, expected ${highest}`);
  const bad = history.filter(({ because }) => because && isBlamed(because)).map(({ to }) => to);
  expect(String(report.quarantine) === String(bad), `in quarantine are ${report.quarantine}, expected ${bad}`);
  const undone = history.some(({ outcome }) => outcome === 'undone');
  expect(confirmed.length === 0 || undone || report.previous !== null, 'no way back from the confirmed release');
  expect(report.previous === null || report.previous.whole, 'the kept snapshot is not whole');
  expect(report.next === null, `the next update: ${report.next}`);
  return wrong;
}

/** The journal on the disk is the one that was saved last, or the one that is just being saved. */
export function journalFault({ saved, saving }: Moment, told: Told | null): string | null {
  const may = [saved, ...(saving ? [saving] : [])];
  if (may.some((one) => one?.text === told?.text)) return null;
  const names = may.map((one) => one?.step ?? 'nothing');
  return `the journal says ${told?.step ?? 'nothing'}, expected ${names.join(' or ')}`;
}

/** The history tells of each update once, and the truth. */
function judgeUpdate(id: string, { history }: Report, moment: Moment, facts: Case): string[] {
  const lines = history.filter((entry) => entry.id === id);
  const ends = facts.ends.get(id);
  if (!ends) return [`the history tells of ${id}, which there never was`];
  const sure = moment.begun.includes(id);
  const undo = ends.length > 1;
  const most = undo && moment.undoBegun === 'no' && moment.ended.includes(id) ? 1 : ends.length;
  const least = undo && moment.undoBegun === 'yes' ? 2 : sure ? 1 : 0;
  if (!sure && !moment.perhaps.includes(id) && lines.length > 0) return [`the history tells of ${id} before it began`];
  if (lines.length < least || lines.length > most)
    return [`the history tells of ${id} ${lines.length} times, expected ${least} to ${most}`];
  return lines.flatMap((line, n) => {
    const end = ends[n]!;
    const code = line.because?.code ?? null;
    if (line.outcome === end.outcome && code === end.code) return [];
    const over = moment.ended.includes(id) && n === 0;
    if (
      !over &&
      (interrupted(line, moment) || (code && facts.otherwise.includes(code) && line.outcome === 'rolled back'))
    )
      return [];
    return [
      `the history says ${line.outcome} ${code ?? ''} in ${line.step}, expected ${end.outcome} ${end.code ?? ''}`,
    ];
  });
}

/** Cut off between the first service that was stopped and the end of the script: put back, and the journal's step told. */
function interrupted({ outcome, because, step }: Report['history'][number], { saved, saving }: Moment): boolean {
  const steps = [saved?.step, saving?.step].filter((name) => name === 'stop' || name === 'install');
  return (
    outcome === 'rolled back' &&
    ['POWER_LOST', 'DAEMON_DIED'].includes(because?.code ?? '') &&
    steps.includes(step as 'stop')
  );
}
