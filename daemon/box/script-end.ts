import { readIfThere } from '../files.ts';

/** How install_update.sh ended, as it was written down by who started it: systemd, or the init of a scratch box. */
export interface ScriptRecord {
  /** null = ended by a signal. */
  readonly exitCode: number | null;
  /** In systemd's words: `success`, `exit-code`, `signal`, `timeout`, `oom-kill`, … */
  readonly result: string;
}

/** Name of the record in `trial/`. */
export const scriptEndName = 'script-end';

/** The record of a script that ended; undefined when there is none. */
export async function readScriptEnd(file: string): Promise<ScriptRecord | undefined> {
  const text = await readIfThere(file);
  const [, result = '', code, status = ''] = /^result=(.*)\ncode=(.*)\nstatus=(.*)\n$/.exec(text ?? '') ?? [];
  if (!code) return undefined;
  return { exitCode: code === 'exited' ? Number(status) : null, result };
}

/**
 * True when not a line of it can have run.
 * @see systemd.exec(5), "Process Exit Codes": with 200 to 242 systemd says what it could not set up for it
 */
export const neverStarted = (record: ScriptRecord | undefined): boolean =>
  record === undefined || (record.exitCode !== null && record.exitCode >= 200 && record.exitCode <= 242);
