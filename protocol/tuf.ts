import * as z from 'zod';
import { hardwarePattern } from './component.ts';
import { isReleaseVersion, packageName } from './version.ts';

/** The layout of a site in the channel "tuf": static files below one address. */
export const metadataFolder = 'metadata';
export const targetsFolder = 'targets';

/** The target that says which release a hardware is to have; its name never changes. */
export const boxTarget = (hardware: string): string => `box/${hardware}.json`;

/** The target that is the package. */
export const packageTarget = (version: number): string => `packages/${packageName(version)}`;

export const isTargetHardware = (hardware: string): boolean => hardwarePattern.test(hardware);

export const boxTargetSchema = z
  .strictObject({
    version: z.number().refine(isReleaseVersion, 'expected seconds since the epoch, 9 to 12 digits'),
    package: z.string(),
    notes: z.string().max(16_384).optional(),
  })
  .refine((file) => file.package === packageTarget(file.version), {
    path: ['package'],
    error: 'expected packages/ and the package of the version above',
  });

export const maxBoxTargetBytes = 64 * 1024;

/** Boxes and the publisher's tool warn from here on. */
export const warnDaysAhead = 30;

/** ISO 8601 to the second in UTC, as the specification has it; what cannot be read would never expire. */
export const expiresPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
