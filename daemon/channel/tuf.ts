/**
 * The channel of The Update Framework: which release there is, and what its bytes are, is signed by keys of roles that
 * the publisher can change, counts up, and expires. Where it does not hold there is no release: nothing else stands in.
 */
import { UpdateError } from '../../protocol/errors.ts';
import * as s from '../../protocol/schema.ts';
import {
  boxTarget,
  boxTargetSchema,
  isTargetHardware,
  maxBoxTargetBytes,
  metadataFolder,
  packageTarget,
  targetsFolder,
} from '../../protocol/tuf.ts';
import { quote } from '../../protocol/version.ts';
import { readWhole, type VerifiedPackage, type VerifyJob, verifyBy } from '../package/verify.ts';
import type { Asked, Found } from './channel.ts';
import { join } from './detached.ts';
import { keepWork, keptMetadata, openWork, type TufFolder } from './tuf-folder.ts';
import { hasRoot, type Reference, refresh, targetUrl } from './tuf-refresh.ts';

/** What this channel judges by; of every box, as any may be configured so. */
export interface TufTrust extends TufFolder, Reference {
  readonly hardware: string | null;
}

/** @throws UpdateError METADATA_REFUSED | METADATA_EXPIRED | CLOCK_WRONG | NO_TRUSTED_KEYS | HARDWARE_MISMATCH, and of the network */
export async function latestTarget({ url, network, tuf }: Asked): Promise<Found | null> {
  const { hardware } = tuf;
  if (hardware === null || !isTargetHardware(hardware)) {
    throw new UpdateError(
      'HARDWARE_MISMATCH',
      `Expected hardware such as rpi/3, found ${quote(hardware ?? 'none')}: set "hardware".`,
    );
  }
  const work = await openWork(tuf, hasRoot);
  try {
    const site = await refresh(work, join(url, metadataFolder), network, tuf);
    const named = await site.target(boxTarget(hardware));
    if (!named) return null;
    const targets = join(url, targetsFolder);
    const file = parseBoxTarget(await site.bytes(named, targets, maxBoxTargetBytes));
    const pack = await site.target(file.package);
    if (!pack?.hashes.sha256)
      throw new UpdateError('METADATA_REFUSED', `${named.path} names ${file.package}, which is no target.`);
    return {
      version: file.version,
      packageUrl: targetUrl(targets, pack),
      signatureUrl: null,
      sizeBytes: pack.length,
      sha256: pack.hashes.sha256,
      hardware: [hardware],
      notes: file.notes ?? null,
    };
  } finally {
    await keepWork(tuf);
  }
}

function parseBoxTarget(bytes: Buffer) {
  try {
    return s.parse(boxTargetSchema, JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new UpdateError('METADATA_REFUSED', 'What the targets say of this hardware cannot be read.', { cause });
  }
}

/** Proves a package by the targets that were accepted last: one that they name no more is not installed, whenever it came. */
export function verifyTarget(job: VerifyJob, report: (done: number, total: number) => void): Promise<VerifiedPackage> {
  return verifyBy(async (packed) => {
    const { sha256, sizeBytes, judgeForm } = await readWhole(packed, () => {}, report);
    const targets = (await keptMetadata({ dir: job.tufDir }, 'targets')) as KeptTargets | undefined;
    const named = targets?.signed.targets[packageTarget(job.version)];
    if (named?.hashes.sha256 !== sha256 || named.length !== sizeBytes) {
      const expected = named ? `${named.length} bytes, sha256 ${named.hashes.sha256}` : 'no such target';
      const found = `${sizeBytes} bytes, sha256 ${sha256}`;
      throw new UpdateError('METADATA_REFUSED', `The targets have ${expected}; the package has ${found}.`);
    }
    judgeForm();
    const signers = targets!.signatures.map(({ keyid }) => keyid).join(' ');
    return { sha256, signer: { kind: `TUF targets ${targets!.signed.version}`, fingerprint: signers } };
  }, job);
}

/** As the library proved it before it was written. */
interface KeptTargets {
  readonly signatures: readonly { readonly keyid: string }[];
  readonly signed: {
    readonly version: number;
    readonly targets: Readonly<
      Record<string, { readonly length: number; readonly hashes: { readonly sha256?: string } }>
    >;
  };
}
