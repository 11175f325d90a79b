import { stat } from 'node:fs/promises';
import { askedOf, serverOf } from '../asked.ts';
import { channelOf, type Offer, type Update } from '../facts.ts';
import { exists } from '../files.ts';
import { spaceFactor } from '../gates/release-rows.ts';
import { pinnedKeyPems } from '../keys.ts';
import type { Step } from '../machine.ts';
import { networkOf } from '../network.ts';
import { checkQuarantine, readQuarantine } from '../quarantine.ts';
import { mayMakeRoom, roomBytes } from '../space.ts';
import type { Tools } from '../tools.ts';
import { clearDownloads } from './clear-downloads.ts';
import { packageFiles } from './package-files.ts';

/** Brings the package and its signature into the private folder, from the server or from where a person has it. */
export const download: Step<'download'> = {
  // It goes on where the partial file ends.
  resume: (at) => at,

  async run(at, tools) {
    const { worker, box, config, places, show, cancelled } = tools;
    const { values } = await config();
    const { update } = at;
    const files = packageFiles(places, values, update.to);
    const options = { report: show, signal: cancelled };
    await clearDownloads(places, values, { keep: update.to });
    // Before a byte is fetched, all that the update will take; each step looks again once it knows better. Nobody has
    // signed the size, so the way back is not given up for it: what is fetched has to fit beside that.
    const inAll = update.source.kind === 'server' ? (update.source.offer.sizeBytes ?? 0) * spaceFactor : 0;
    const have = await bytesOf(files.unverified);
    await mayMakeRoom(tools, [
      { folder: files.folder, bytes: Math.max(0, inAll - have), inodes: 0 },
      { folder: places.state, ...(await box.sizeOf(values.writable_paths)) },
    ]);
    const fitBytes = have + (await roomBytes(tools, files.folder));
    const target = { path: files.unverified, signaturePath: files.signature, maxBytes: values.max_package_bytes };
    if (update.source.kind === 'file') {
      await worker.do('copy', { ...target, from: update.source.path }, options);
    } else {
      const keyPems = await pinnedKeyPems(places, values, channelOf(update));
      const offer = await readyOffer(update, update.source.offer, tools);
      await worker.do(
        'download',
        {
          ...target,
          url: offer.packageUrl,
          signatureUrl: offer.signatureUrl,
          sizeBytes: offer.sizeBytes,
          fitBytes,
          minBytesPerS: values.min_bytes_per_s,
          longestMs: values.max_download_s * 1000,
          network: networkOf(values, places, serverOf(values)),
          keyPems,
          sha256: offer.sha256,
          patience,
        },
        options,
      );
      return { ...at, step: 'verify', update: { ...update, source: { kind: 'server', offer } } };
    }
    return { ...at, step: 'verify' };
  },
};

const patience = { tries: 8, firstWaitMs: 500 };

/** An offer whose package lies ready: what has to be built is built now, however often that is begun. */
async function readyOffer({ retry }: Update, offer: Offer, tools: Tools): Promise<Offer> {
  if (offer.components === null) return offer;
  const { worker, box, config, places, show, cancelled } = tools;
  const { values } = await config();
  const { url, network, trust } = await askedOf(tools);
  const built = await worker.do(
    'build',
    {
      url,
      network,
      trust,
      version: offer.version,
      names: offer.components.map(({ name }) => name),
      model: (await box.identity()).model,
      indexPath: packageFiles(places, values, offer.version).index,
      longestMs: values.max_download_s * 1000,
      patience,
    },
    { report: show, signal: cancelled },
  );
  // Not worth its bytes; what the server says of it counts only against it.
  if (built.sha256 !== null && !retry) checkQuarantine(await readQuarantine(places), built.sha256);
  return { ...offer, ...built };
}

/** What is there of a download that was cut off. */
const bytesOf = async (file: string): Promise<number> => ((await exists(file)) ? (await stat(file)).size : 0);
