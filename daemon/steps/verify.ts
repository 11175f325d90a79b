import type { Config } from '../../protocol/config-keys.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { trustOf } from '../asked.ts';
import { join as joinUrl } from '../channel/detached.ts';
import { isSame, readComponents, sameComponents } from '../components-on-box.ts';
import { channelOf, type Update, type VerifiedRelease } from '../facts.ts';
import { exists, move, remove, renameSafely } from '../files.ts';
import { checkFloor, readFloor } from '../floor.ts';
import type { Step } from '../machine.ts';
import type { VerifyJob } from '../package/verify.ts';
import { verifyTrusted } from '../package/verify-trusted.ts';
import { checkQuarantine, readQuarantine } from '../quarantine.ts';
import { giveUpKept } from '../space.ts';
import type { Tools } from '../tools.ts';
import { packageFiles } from './package-files.ts';

/** From bytes to a trusted release: signature, archive, version, hardware. Nothing of it was believed before. */
export const verify: Step<'verify'> = {
  resume: (at) => at,

  async run(at, tools) {
    const { worker, config, places, show, cancelled } = tools;
    const { values } = await config();
    const { update } = at;
    const files = packageFiles(places, values, update.to);
    // Verified once, and cut off before that was on the disk: it is verified again, as if it had just come.
    if (!(await exists(files.unverified)) && (await exists(files.verified)))
      await move(files.verified, files.unverified);
    try {
      const proof = await proofOf(update, tools);
      const judge = () =>
        verifyTrusted(
          { places, worker, values },
          {
            ...proof,
            path: files.unverified,
            signaturePath: files.signature,
            stagingPath: files.staged,
            reserveBytes: values.reserve_bytes,
            version: update.to,
            maxUnpackedBytes: values.max_unpacked_bytes,
            maxEntries: values.max_entries,
            offeredKeyUrl:
              channelOf(update) === 'detached'
                ? values.server_url && joinUrl(values.server_url, 'public_key.pem')
                : null,
          },
          { report: show, signal: cancelled },
        );
      const release = await judge().catch(async (error) => {
        // How much it takes shows only when it is unpacked.
        const short = error instanceof UpdateError && error.code === 'DISK_FULL';
        if (!short || !(await giveUpKept(tools, files.folder))) throw error;
        return judge();
      });
      await judgeRelease(release, update, values, tools);
      if (
        channelOf(update) === 'attended' &&
        isSame(await readComponents(places, values), update.to, release.components ?? {})
      ) {
        throw sameComponents(update.to);
      }
      await renameSafely(files.unverified, files.verified);
      const { sha256, signedBy } = release;
      return { ...at, step: 'unpack', release, update: { ...update, sha256, signedBy } };
    } catch (error) {
      // What was refused does not stay on the disk; a person who cancels may go on later.
      if (!(error instanceof UpdateError) || error.code !== 'CANCELLED') {
        await remove(files.unverified);
        await remove(`${files.unverified}.etag`);
      }
      throw error;
    }
  },
};

/** How the package is proven: by the channel that it came by. */
export async function proofOf(
  update: Update,
  tools: Tools,
): Promise<Pick<VerifyJob, 'channel' | 'announced' | 'image'>> {
  const channel = channelOf(update);
  if (update.source.kind !== 'server') return { channel };
  const { components, sha256: announced } = update.source.offer;
  if (channel !== 'attended') return { channel, announced };
  const { index: indexPath } = packageFiles(tools.places, (await tools.config()).values, update.to);
  const wanted = components?.map(({ name }) => name) ?? [];
  return { channel, announced, image: { indexPath, trust: await trustOf(tools), wanted } };
}

/** What a good signature does not say: that the release is for this box, and now. */
export async function judgeRelease(
  release: VerifiedRelease,
  update: Pick<Update, 'to' | 'retry' | 'allowDowngrade'>,
  values: Config,
  { places, box, clock }: Pick<Tools, 'places' | 'box' | 'clock'>,
): Promise<void> {
  checkFloor(update, await readFloor(places, values));
  if (!update.retry) checkQuarantine(await readQuarantine(places), release.sha256);
  const aheadS = update.to - clock.now() / 1000;
  if (aheadS > 86_400 && (await box.clockKnown())) {
    const days = Math.round(aheadS / 86_400);
    throw new UpdateError('VERSION_IN_FUTURE', `The release ${update.to} says it was made ${days} days from now.`);
  }
  const hardware = values.hardware ?? (await box.identity()).hardware;
  if (release.hardware !== null && !release.hardware.includes(hardware ?? '')) {
    const fits = release.hardware.join(', ');
    const found = hardware ?? 'unknown hardware (set "hardware" in the configuration)';
    throw new UpdateError('HARDWARE_MISMATCH', `The release is for ${fits}, this box is ${found}.`);
  }
}
