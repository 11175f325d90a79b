import about from '../../package.json' with { type: 'json' };
import { updaterText } from '../../protocol/updater.ts';
import type { Call } from './arguments.ts';

/** The version of this program, and which copy of it runs; not that of the release on the box. */
export async function version({ screen, host }: Call): Promise<number> {
  const program = host.argv[1] ?? '';
  // A box asks each new version of the updater for this, also boxes of years ago: it stays as it is.
  if (screen.json) screen.document({ version: about.version, program });
  else screen.line(`opq-updater ${updaterText(about.version, program)}`);
  return 0;
}
