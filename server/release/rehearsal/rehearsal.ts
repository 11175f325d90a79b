/**
 * What a release would do to a box, found out by doing it: its install_update.sh runs in a scratch copy of the box.
 *
 *     this process          prepare: reads the package as a box does, lays out a scratch folder
 *      `- in a namespace    inside: this program again, root in a user namespace, without network
 *          `- a tree        overlays over the box and over this machine's programs: nothing below is ever written
 *              `- script    chrooted into the tree, with processes of its own and without the right to mount
 */

/** What the process in the namespace is asked, as JSON in a file. */
export interface Request {
  readonly task: 'dry-run' | 'crashtest';
  /** Folder for all that a rehearsal writes. */
  readonly scratch: string;
  /** The tree of a box, only read. */
  readonly box: string;
  /** Where the package lies unpacked on that box. */
  readonly folder: string;
  readonly version: number;
  readonly versionPath: string;
  /** Folders that the script may write on that box. */
  readonly writable: readonly string[];
  readonly timeoutMs: number;
  readonly maxStops: number;
}

/** One path that differs from the box as it was. */
export interface Difference {
  readonly path: string;
  readonly kind: 'added' | 'changed' | 'removed';
  /** `file`, `folder`, `link` or another kind: of what is there, or was. */
  readonly what: string;
  readonly bytes: number;
  readonly bytesBefore: number;
  /** Not in what a box lets a script write. */
  readonly outside: boolean;
}

/** How one whole run went, and what it left. */
export interface Rehearsed {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** The end of what it printed. */
  readonly output: string;
  readonly differences: readonly Difference[];
  /** Calls of programs that a box answers in its own way, in their order. */
  readonly calls: readonly Call[];
  /** VERSION afterwards; null when it is missing or no number. */
  readonly installed: number | null;
  readonly installedBefore: number | null;
}

export interface Call {
  /** Of the command in which it was made; 0 when commands were not counted. */
  readonly step: number;
  /** Such as `systemctl daemon-reload`. */
  readonly text: string;
}

/** One command of a run, as it is about to be run. */
export interface Command {
  readonly line: number;
  /** Of what the line is, where that is not install_update.sh itself. */
  readonly file: string | null;
  readonly text: string;
}

/** `line 7 (command 12): cp VERSION ..`. @param step its number; undefined = it does not matter */
export function placeOf({ line, file, text }: Command, step?: number): string {
  const number = step === undefined ? '' : ` (command ${step})`;
  return `line ${line}${file === null ? '' : ` of ${file}`}${number}: ${text.split('\n')[0]}`;
}

/** What becomes of a box whose power goes right before a command. */
export interface Stop {
  /** Number of the command, from 1; one more than there are commands = after the end. */
  readonly step: number;
  /** Paths that an undo does not make what they were. */
  readonly notUndone: readonly string[];
  /** What is wrong when the script is run again from there; null = the same comes out as of an uninterrupted run. */
  readonly again: string | null;
}

export interface CrashTested {
  readonly whole: Rehearsed;
  readonly commands: readonly Command[];
  readonly stops: readonly Stop[];
  /** How many of these found the disk in a state of its own. */
  readonly states: number;
  /** Paths that differ between two uninterrupted runs, such as what holds the time: not compared. */
  readonly varying: readonly string[];
}
