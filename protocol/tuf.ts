import { hardwarePattern } from './component.ts';
import * as s from './schema.ts';
import { isReleaseVersion, packageName } from './version.ts';

/** The layout of a site in the channel "tuf": static files below one address. */
export const metadataFolder = 'metadata';
export const targetsFolder = 'targets';

/** The target that says which release a hardware is to have; its name never changes. */
export const boxTarget = (hardware: string): string => `box/${hardware}.json`;

/** The target that is the package. */
export const packageTarget = (version: number): string => `packages/${packageName(version)}`;

export const isTargetHardware = (hardware: string): boolean => hardwarePattern.test(hardware);

export const boxTargetSchema = s.pipe(
  s.strictObject({
    version: s.number(s.check(isReleaseVersion, 'expected seconds since the epoch, 9 to 12 digits')),
    package: s.string(),
    notes: s.optional(s.string(s.maxLength(16_384))),
  }),
  s.forward(
    s.check(
      (file) => file.package === packageTarget(file.version),
      'expected packages/ and the package of the version above',
    ),
    ['package'],
  ),
);

export const maxBoxTargetBytes = 64 * 1024;

/** Boxes and the publisher's tool warn from here on. */
export const warnDaysAhead = 30;

/** ISO 8601 to the second in UTC, as the specification has it; what cannot be read would never expire. */
export const expiresPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
