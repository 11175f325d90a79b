import { pinnedKeyPems } from '../keys.ts';
import type { Step } from '../machine.ts';
import { networkOf } from '../network.ts';
import { clearDownloads } from './clear-downloads.ts';
import { packageFiles } from './package-files.ts';

/** Brings the package and its signature into the private folder, from the server or from where a person has it. */
export const download: Step<'download'> = {
  // It goes on where the partial file ends.
  resume: (at) => at,

  async run(at, { worker, config, places, show, cancelled }) {
    const { values } = await config();
    const { update } = at;
    const files = packageFiles(places, values, update.to);
    const options = { report: show, signal: cancelled };
    await clearDownloads(places, values, { keep: update.to });
    const target = { path: files.unverified, signaturePath: files.signature, maxBytes: values.max_package_bytes };
    if (update.source.kind === 'file') {
      await worker.do('copy', { ...target, from: update.source.path }, options);
    } else {
      const { offer } = update.source;
      await worker.do(
        'download',
        {
          ...target,
          url: offer.packageUrl,
          signatureUrl: offer.signatureUrl,
          sizeBytes: offer.sizeBytes,
          minBytesPerS: values.min_bytes_per_s,
          network: networkOf(values, places),
          keyPems: await pinnedKeyPems(places, values),
          patience: { tries: 8, firstWaitMs: 500 },
        },
        options,
      );
    }
    return { ...at, step: 'verify' };
  },
};
