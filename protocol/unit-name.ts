import * as s from './schema.ts';

/** A unit that an update may stop. One of the updater itself would end the update with everything stopped. */
export const unitName = s.string(
  s.regex(/^[A-Za-z0-9@_.:-]{1,120}\.service$/),
  s.check((name) => !name.startsWith('opq-updater'), 'expected no unit of the updater, which runs through an update'),
);
