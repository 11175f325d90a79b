import { UpdateError } from '../../../protocol/errors.ts';

/** Longer than any unit's own stop time-out is worth waiting for. */
const timeoutMs = 5 * 60_000;

/** Calls systemctl; a non-zero end is the caller's to judge. */
export async function systemctl(args: readonly string[]) {
  const { execa } = await import('execa');
  const result = await execa('systemctl', ['--no-pager', ...args], {
    reject: false,
    timeout: timeoutMs,
    stdin: 'ignore',
  });
  if (result.exitCode !== undefined) return result;
  throw new UpdateError('INTERNAL', `systemctl ${args.join(' ')} did not end: ${result.originalMessage}.`, {
    cause: result,
  });
}
