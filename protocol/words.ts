/** What command line and page say of the same thing, in the same words. */
import type { Gate, HistoryEntry, Outcome, Status } from './views.ts';

/** `25.9 MB`; powers of ten, as on the box of a memory card. */
export function bytesText(bytes: number): string {
  const [unit, size] = [['GB', 1e9] as const, ['MB', 1e6] as const, ['kB', 1e3] as const].find(
    ([, unitSize]) => bytes >= unitSize,
  ) ?? ['bytes', 1];
  return `${size === 1 ? bytes : (bytes / size).toFixed(1)} ${unit}`;
}

/** `12 s`, `3 min 20 s`, `2 h 5 min`, `4 days`. */
export function durationText(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 2 * 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} days`;
}

export const stateWords: Readonly<Record<Status['state'], string>> = {
  idle: 'at rest',
  checking: 'asking the server',
  download: 'downloading',
  verify: 'checking signature and content',
  unpack: 'unpacking',
  snapshot: 'copying what the update will change',
  stop: 'stopping the services',
  install: 'installing',
  reboot: 'rebooting',
  confirm: 'on trial: seeing whether all is well',
  undo: 'seeing what an undo may take back',
  rollback: 'putting the earlier release back',
  restored: 'checking what was put back',
  stuck: 'stuck: the box could not be put right by itself',
};

/** A newer release than the one that runs, or newer components of the same. What holds it back is asked of the gates. */
export function isNews({ available, installed }: Pick<Status, 'available' | 'installed'>): boolean {
  if (available === null) return false;
  const { version, upgrades } = available;
  return version > (installed ?? 0) || (version === installed && Object.keys(upgrades ?? {}).length > 0);
}

/** The state of the box in one line. */
export function headlineOf(now: Status): string {
  if (now.state !== 'idle') return stateWords[now.state] ?? now.state;
  if (!isNews(now)) return 'at rest';
  const failed = now.gates.some(({ name, open }) => ['quarantine', 'undone'].includes(name) && !open);
  return failed ? 'at rest, the release on offer failed or was undone here' : 'at rest, an update is available';
}

export type GateWord = 'open' | 'overruled' | 'held' | 'closed';

export function gateWordOf({ open, soft, overruled }: Gate): GateWord {
  if (open) return 'open';
  if (overruled) return 'overruled';
  return soft ? 'held' : 'closed';
}

/** What all gates together come to. */
export function gatesSummary(gates: readonly Gate[]): string {
  const words = gates.map(gateWordOf);
  const closed = gates.filter((gate) => gateWordOf(gate) === 'closed');
  if (closed.length === 1 && closed[0]!.name === 'quarantine') {
    return 'The release on offer failed here before; a person may try it again.';
  }
  if (words.includes('closed')) return 'Updates are held back, for everyone.';
  return words.includes('held')
    ? 'Automatic updates are held back; a person may install.'
    : 'Nothing holds updates back.';
}

const sentences: Readonly<Record<Outcome, (to: string, from: string, entry: HistoryEntry) => string>> = {
  confirmed: (to) => `Release ${to} is installed and confirmed.`,
  'rolled back': (to, from) => `Release ${to} did not hold; the box was put back to ${from}.`,
  undone: (to, from) => `Release ${to} was undone; the box runs ${from} again.`,
  refused: (to) => `Release ${to} was refused; nothing was changed.`,
  'held back': (to) => `The update to ${to} was held back; nothing was changed.`,
  failed: (to, _, { step }) =>
    step === 'undo'
      ? `Release ${to} was not undone; nothing was changed.`
      : `The update to ${to} failed in step ${step}.`,
  cancelled: (to) => `The update to ${to} was cancelled; nothing was changed.`,
};

/**
 * How an update ended, as a sentence.
 * @param named the name of a release by its version, as the reader is used to it
 */
export function verdictText(entry: HistoryEntry, named: (version: number) => string): string {
  const { outcome, to, from } = entry;
  const earlier = from === null ? 'the earlier release' : named(from);
  return sentences[outcome]?.(named(to), earlier, entry) ?? `Update ended: ${outcome}.`;
}
