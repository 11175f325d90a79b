import { type Objection, objection } from './answers.ts';
import type { Call, Rehearsed, Request } from './rehearsal.ts';

/** Why a box would not keep a release whose script does this, each reason once; empty = nothing is known against it. */
export function objections(run: Rehearsed, request: Request, lastStep: number): Objection[] {
  const { exitCode, timedOut, output, differences, installed, installedBefore, calls } = run;
  const said = output.trim().split('\n').at(-1);
  const outside = differences.filter((one) => one.outside);
  const seconds = request.timeoutMs / 1000;
  const found: (Objection | false | undefined)[] = [
    timedOut && { code: 'INSTALL_TIMED_OUT', why: `install_update.sh was still running after ${seconds} s` },
    !timedOut &&
      exitCode !== 0 && {
        code: 'INSTALL_SCRIPT_FAILED',
        why: `install_update.sh ended with ${exitCode ?? 'a signal'}${said ? `: ${said}` : ''}`,
      },
    outside[0] !== undefined && {
      code: 'WRITE_FAILED',
      why: `${outside[0].path}${outside.length > 1 ? ` and ${outside.length - 1} more` : ''}: outside of ${request.writable.join(', ')}, where the box refuses to write`,
    },
    installed !== request.version &&
      installed !== installedBefore && {
        code: 'WRONG_VERSION_INSTALLED',
        why: `${request.versionPath} says ${installed ?? 'no number'}, expected ${request.version}`,
      },
    ...calls.map((call) => judged(call, lastStep)),
  ];
  const all = found.filter((one): one is Objection => typeof one === 'object');
  return [...new Map(all.map((one) => [one.why, one])).values()];
}

function judged(call: Call, lastStep: number): Objection | undefined {
  const found = objection(call, call.step < lastStep);
  if (found === undefined) return undefined;
  return { ...found, why: `${call.text}${call.step > 0 ? `, in command ${call.step}` : ''}: ${found.why}` };
}
