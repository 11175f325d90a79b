/** The processes of the updater that fetch and unpack: a part of their own, as no resident process needs it. */
import { tufClient } from '../channel/tuf-client.ts';
import { userAgent } from '../updater-version.ts';
import { runWorker } from './worker-process.ts';

/** Runs one of them; resolves with its exit code when it ends. */
export function main(verb: string, args: string[]): Promise<number> {
  if (verb !== 'tuf-client') return runWorker();
  return tufClient(args, { caPath: null, proxyUrl: null, userAgent }, Date.now());
}
