import { UpdateError } from '../../../protocol/errors.ts';
import { type Ran, run } from '../run.ts';

/** Longer than any unit's own stop time-out is worth waiting for. */
const timeoutMs = 5 * 60_000;

/** Calls systemctl; a non-zero end is the caller's to judge. */
export async function systemctl(args: readonly string[]): Promise<Ran & { readonly exitCode: number }> {
  const ran = await run('systemctl', ['--no-pager', '--no-ask-password', ...args], { timeoutMs });
  const { exitCode } = ran;
  if (exitCode !== null) return { ...ran, exitCode };
  throw new UpdateError('INTERNAL', `systemctl ${args.join(' ')} did not end: ${ran.stderr}.`);
}

/**
 * True while the box shuts down or reboots, whoever asked for that. "is-system-running" would not do: a box that goes
 * down while it is still coming up is "starting" to its end.
 */
export async function goingDown(): Promise<boolean> {
  const { stdout } = await systemctl(['show', '--property=Job,ActiveState', 'shutdown.target']);
  return /^(Job=[1-9]|ActiveState=active)/m.test(stdout);
}
