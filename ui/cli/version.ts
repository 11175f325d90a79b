import about from '../../package.json' with { type: 'json' };
import type { Call } from './arguments.ts';

/** The version of this program, not of the release on the box. */
export async function version({ screen }: Call): Promise<number> {
  if (screen.json) screen.document({ version: about.version });
  else screen.line(`opq-updater ${about.version}`);
  return 0;
}
