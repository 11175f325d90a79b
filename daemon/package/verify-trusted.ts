import type { Config } from '../../protocol/config-keys.ts';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { keyChainName } from '../../protocol/key-chain.ts';
import { tufFolderOf } from '../asked.ts';
import { join as joinUrl } from '../channel/detached.ts';
import type { VerifiedRelease } from '../facts.ts';
import { pemsAfter, pinnedKeyPems } from '../keys.ts';
import { networkOf } from '../network.ts';
import type { Places } from '../places.ts';
import type { VerifyTask } from '../work/tasks.ts';
import type { Worker } from '../work/worker.ts';

type Options = Parameters<Worker['do']>[2];

/**
 * Verifies a package by the keys that this box trusts. A box that was off while keys came and went asks the server for
 * the chain of them: it leads from a key that is trusted here to the one that signed, or to nothing.
 * @throws UpdateError of `verify`, NO_TRUSTED_KEYS, KEYS_REFUSED
 */
export async function verifyTrusted(
  { places, worker, values }: { places: Places; worker: Worker; values: Config },
  what: Omit<VerifyTask, 'keyPems' | 'network' | 'tufDir'>,
  options: Options,
): Promise<VerifiedRelease> {
  const network = networkOf(values, places);
  const keyPems = await pinnedKeyPems(places, values, what.channel);
  const job = { ...what, tufDir: tufFolderOf(places, values).dir };
  const release = await worker.do('verify', { ...job, network, keyPems }, options).catch(async (error) => {
    const unknownKey = error instanceof UpdateError && error.code === 'SIGNATURE_INVALID';
    // Builders, and what a root names, are none of the chain's business.
    if (!unknownKey || job.channel !== 'detached' || values.server_url === null) throw error;
    const url = joinUrl(values.server_url, keyChainName);
    const later = await worker
      .do('fetchKeyLinks', { url, network }, options)
      .then(({ links }) => pemsAfter(places, values, links))
      .catch((thrown) => {
        const { code, message } = asUpdateError(thrown);
        if (code === 'CANCELLED') throw thrown;
        throw new UpdateError('SIGNATURE_INVALID', `${error.message} ${message}`, { cause: thrown });
      });
    if (later.every((pem) => keyPems.includes(pem))) throw error;
    return worker.do('verify', { ...job, network, keyPems: later }, options);
  });
  // Before anything is touched: a release whose keys cannot be followed later is refused now.
  if (job.channel === 'detached') await pemsAfter(places, values, release.keyLinks);
  return release;
}
