import { UpdateError } from './errors.ts';

/** Version of a release: whole seconds since the epoch; nine to twelve digits, no leading zero. */
export const releaseVersionPattern = /^[1-9]\d{8,11}$/;

/** A VERSION file holds digits and at most one line end; anything longer is not one. */
export const maxVersionFileBytes = 64;

/**
 * The version of a release from text, such as the VERSION file of a package or the answer to `/version`.
 * One trailing LF is allowed, nothing else around the digits.
 * @throws UpdateError VERSION_MISMATCH
 */
export function parseReleaseVersion(text: string): number {
  const digits = text.replace(/\n$/, '');
  if (!releaseVersionPattern.test(digits)) {
    throw new UpdateError(
      'VERSION_MISMATCH',
      `A release version is 9 to 12 digits (seconds since the epoch), found ${quote(text)}.`,
    );
  }
  return Number(digits);
}

export const isReleaseVersion = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && releaseVersionPattern.test(String(value));

/**
 * What is installed, from the VERSION file of a box: any whole number (boxes ship with `1`), white space around
 * it forgiven, as people edit that file. Undefined when it is none: then the box counts as never updated.
 */
export function parseInstalledVersion(text: string): number | undefined {
  const digits = text.trim();
  return /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
}

/** `opq-box-update-<VERSION>`: the top folder of a package. */
export const packageFolder = (version: number): string => `opq-box-update-${version}`;

/** `opq-box-update-<VERSION>.tar.bz2`: the file name of a package, computed, never taken from a server. */
export const packageName = (version: number): string => `${packageFolder(version)}.tar.bz2`;

export const signatureName = (version: number): string => `${packageName(version)}.sig`;

/** The version in the file name of a package, or undefined when it is not the name of one. */
export function versionOfPackageName(name: string): number | undefined {
  const digits = /^opq-box-update-([1-9]\d{8,11})\.tar\.bz2$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** The day and time a release was made, for people: `2019-02-15 02:16:23 UTC`. */
export const releaseDate = (version: number): string =>
  new Date(version * 1000).toISOString().replace('T', ' ').replace('.000Z', ' UTC');

/** Text from outside made fit for a message: quoted, shortened, control characters escaped. */
export function quote(text: string, maxLength = 60): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
