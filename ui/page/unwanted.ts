import type { Fault } from '../../protocol/views.ts';

/** Why an update ended otherwise than it should have; null where that is what a person asked for. */
export const unwanted = (because: Fault | null): Fault | null =>
  because && ['ROLLED_BACK', 'CANCELLED'].includes(because.code) ? null : because;
