import { asUpdateError } from '../../protocol/errors.ts';
import type { CheckUp } from '../../protocol/views.ts';
import type { Call } from './arguments.ts';
import { styled } from './screen.ts';

/**
 * Shows everything that an update needs and what to do about it.
 * @returns 0 when all is well, 5 when something would hold an update back, 7 when the daemon does not answer
 */
export async function doctor({ screen, daemon }: Call): Promise<number> {
  const { checks, exitCode } = await daemon.ask('doctor', {}).then(
    (found) => ({ checks: found, exitCode: found.every(({ ok }) => ok) ? 0 : 5 }),
    (thrown) => {
      const { code, message, todo } = asUpdateError(thrown);
      if (code !== 'DAEMON_UNREACHABLE') throw thrown;
      const dead: CheckUp = { name: 'daemon', ok: false, found: message, todo };
      return { checks: [dead], exitCode: 7 };
    },
  );
  if (screen.json) screen.document(checks);
  else for (const check of checks) show(check);
  return exitCode;

  function show({ name, ok, found, todo }: CheckUp): void {
    screen.line(ok ? styled('green', 'ok    ') : styled('red', 'not ok'), `  ${name.padEnd(13)}  ${found}`);
    if (todo) screen.line(`                       ${todo}`);
  }
}
