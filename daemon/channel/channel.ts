import type { ChannelName } from '../../protocol/channel-keys.ts';
import type { Offer } from '../facts.ts';
import { type VerifiedPackage, type VerifyJob, verify } from '../package/verify.ts';
import { latestOffer, type Server } from './detached.ts';

/**
 * Where releases come from. A channel says what is newest, and proves what came of it; everything between and after is
 * the same for all. Both are called in a worker. No channel ever stands in for another one.
 */
export interface Channel {
  /** What it offers to this box, unverified; null = nothing. @throws UpdateError of the network and of the channel */
  latest(server: Server): Promise<Omit<Offer, 'channel'> | null>;
  /** From bytes to a trusted package. @throws UpdateError as `verify` of daemon/package/verify.ts, and of the channel */
  verify(job: VerifyJob, report: (done: number, total: number) => void): Promise<VerifiedPackage>;
}

export const channels: Readonly<Record<ChannelName, Channel>> = {
  detached: { latest: latestOffer, verify },
};
