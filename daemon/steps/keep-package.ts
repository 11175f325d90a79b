/**
 * The second way back: should the copy of a release rot, a person may install the package that it came in.
 *
 *     trial/       the copy of A; the package of B, which is on trial
 *     previous/    the copy of A; the packages of A, as it is kept from before, and B
 *
 * They take no room that they did not take before, go where the copy goes, and are given up together with it.
 */
import { basename, join } from 'node:path';
import { asUpdateError } from '../../protocol/errors.ts';
import { packageName, signatureName } from '../../protocol/version.ts';
import { channelOf } from '../facts.ts';
import { exists, link, moveSafely, syncFolder } from '../files.ts';
import type { At } from '../machine.ts';
import type { Places } from '../places.ts';
import type { Tools } from '../tools.ts';
import { packageFiles } from './package-files.ts';

/** Lays the package of the release on trial beside the snapshot; without it there is one way back, and that is all. */
export async function keepPackage({ update }: Pick<At<'install'>, 'update'>, { places, config, log }: Tools) {
  // An image is nothing without the index of its day, and that does not hold for ever.
  if (channelOf(update) === 'attended') return;
  const { verified, signature } = packageFiles(places, (await config()).values, update.to);
  try {
    for (const file of [signature, verified]) {
      if (await exists(file)) await moveSafely(file, join(places.trial, basename(file)));
    }
  } catch (error) {
    log.warn(`the package is not kept: ${asUpdateError(error).message}`);
  }
}

/** A package goes along from a copy that is given up to the one that stays; by a second name, as the first may come back. */
export async function carryPackage(version: number | null, from: string, into: string): Promise<void> {
  for (const name of version === null ? [] : [packageName(version), signatureName(version)]) {
    if ((await exists(join(into, name))) || !(await exists(join(from, name)))) continue;
    await link(join(from, name), join(into, name));
  }
  await syncFolder(into);
}

/** What a person may do when the copy of a release is damaged. */
export async function otherWay({ previous }: Places, version: number | null): Promise<string> {
  const kept = join(previous, packageName(version ?? 0));
  return (await exists(kept))
    ? `The package of ${version} is kept: "opq-updater install ${kept} --allow-downgrade".`
    : 'No package of it is kept: install one by "opq-updater install FILE".';
}
