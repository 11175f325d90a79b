/** The signature of a package: where it comes from, and what to say of one that does not hold. */
import { setTimeout as sleep } from 'node:timers/promises';
import { UpdateError } from '../../protocol/errors.ts';
import { maxSignatureBytes } from '../../protocol/signature.ts';
import { getSmall } from '../channel/http.ts';
import { patiently } from '../channel/retry.ts';
import { openRegular } from '../files.ts';
import { verifySignature } from '../package/verify.ts';
import type { DownloadTask, VerifyTask } from './tasks.ts';

export async function fetchSignature({ signatureUrl, network, patience }: DownloadTask): Promise<string> {
  const fetch = () => getSmall(signatureUrl, network, maxSignatureBytes);
  const signature = await patiently(fetch, () => 0, patience, sleep);
  if (!signature) throw new UpdateError('SIGNATURE_MISSING', `There is no signature at ${signatureUrl}.`);
  const text = signature.toString('latin1');
  if (/^\s*</.test(text)) {
    throw new UpdateError('NOT_OUR_SERVER', `Expected a signature from ${signatureUrl}, found a web page.`);
  }
  return text;
}

/** The signature beside a package that a person brought; of a larger file one byte too many, which refuses it. */
export async function readSignature(path: string): Promise<string> {
  const file = await openRegular(path).catch((cause) => {
    const message = `Expected the signature at ${path}, found none that can be read: ${cause.message}.`;
    throw new UpdateError('SIGNATURE_MISSING', message, { cause });
  });
  try {
    const buffer = Buffer.alloc(maxSignatureBytes + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

export async function signatureHolds(job: DownloadTask): Promise<boolean> {
  const file = await openRegular(job.path);
  try {
    await verifySignature(file, job);
    return true;
  } catch (error) {
    if (error instanceof UpdateError && error.code !== 'DISK_FAILED') return false;
    throw error;
  } finally {
    await file.close();
  }
}

/** Says whose signature was refused, if the server offers the key that made it. */
export async function explain(error: UpdateError, job: VerifyTask): Promise<UpdateError> {
  if (job.offeredKeyUrl === null) return error;
  try {
    const pem = (await getSmall(job.offeredKeyUrl, job.network, 16_384))?.toString('latin1') ?? '';
    const file = await openRegular(job.path);
    try {
      const { signer } = await verifySignature(file, { ...job, keyPems: [pem] });
      const whose = `${signer.kind} ${signer.fingerprint}`;
      return new UpdateError('SIGNATURE_INVALID', `${error.message} It was made by ${whose}, which the server offers.`);
    } finally {
      await file.close();
    }
  } catch {
    return error; // the server offers no key, or one that did not make it either: nothing to add
  }
}
