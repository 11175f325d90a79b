import { resolve } from 'node:path';
import { asUpdateError } from '../../protocol/errors.ts';
import { type Call, parseCommandLine } from './arguments.ts';
import { daemonAt } from './client.ts';
import { showHelp } from './help.ts';
import { makeScreen } from './screen.ts';

/**
 * Runs one command of opq-updater for a person or a script.
 * @param args what follows the program's name
 * @returns the exit code; every code is a row of exitCodes
 */
export async function main(args: string[], host: NodeJS.Process): Promise<number> {
  const screen = makeScreen(host, args.includes('--json'));
  endWithTheReader(host);
  try {
    const { verb, values, positionals } = parseCommandLine(args);
    if (!verb || values.help) return showHelp(screen, verb ? [verb.name] : positionals, verb || values.help ? 0 : 2);
    const root = resolve(String(values.root ?? (host.env.OPQ_UPDATER_ROOT || '/')));
    const call: Call = { verb, values, positionals, screen, host, root, daemon: daemonAt(root) };
    return await verb.run(call);
  } catch (thrown) {
    return screen.fault(asUpdateError(thrown));
  }
}

/** `opq-updater log -f | head -3`: nobody reads on. Not 0, as a verdict that is waited for would not be known. */
function endWithTheReader(host: NodeJS.Process): void {
  host.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    host.exit(1);
  });
}
