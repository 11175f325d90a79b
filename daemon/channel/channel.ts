import type { ChannelName } from '../../protocol/channel-keys.ts';
import type { Offer } from '../facts.ts';
import { verifyImage } from '../package/image.ts';
import { type VerifiedPackage, type VerifyJob, verify } from '../package/verify.ts';
import { type IndexTrust, latest } from './attended.ts';
import { latestOffer, type Server } from './detached.ts';
import { latestTarget, type TufTrust, verifyTarget } from './tuf.ts';

/**
 * Where releases come from. A channel says what is newest, and proves what came of it; everything between and after is
 * the same for all. Both are called in a worker. No channel ever stands in for another one.
 */
export interface Channel {
  /** What it offers to this box, unverified; null = nothing. @throws UpdateError of the network and of the channel */
  latest(asked: Asked): Promise<Found | null>;
  /** From bytes to a trusted package. @throws UpdateError as `verify` of daemon/package/verify.ts, and of the channel */
  verify(job: VerifyJob, report: (done: number, total: number) => void): Promise<VerifiedPackage>;
}

/** An offer, but for what follows from where it was found. */
export type Found = Omit<Offer, 'channel' | 'components'> & Partial<Pick<Offer, 'components'>>;

export interface Asked extends Server {
  readonly channel: ChannelName;
  /** For "attended". */
  readonly trust: IndexTrust;
  /** For "tuf". */
  readonly tuf: TufTrust;
}

export const channels: Readonly<Record<ChannelName, Channel>> = {
  detached: { latest: latestOffer, verify },
  attended: { latest, verify: verifyImage },
  tuf: { latest: latestTarget, verify: verifyTarget },
};
