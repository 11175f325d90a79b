import fc from 'fast-check';
import { type Kind, kinds } from './machine.ts';

/** What may happen to a box, in any order. */
export type Event =
  | { readonly is: 'new release'; readonly kind: Kind }
  | { readonly is: 'check by the schedule' }
  | { readonly is: 'install by a person'; readonly retry: boolean }
  | { readonly is: 'undo by a person' }
  | { readonly is: 'cancel by a person'; readonly after: number }
  | { readonly is: 'postponed'; readonly hours: number }
  /** Comes in the middle of what follows: after so many calls of the daemon to its box. */
  | { readonly is: 'power cut'; readonly after: number }
  | { readonly is: 'daemon killed'; readonly after: number }
  | { readonly is: 'disk full'; readonly times: number }
  | { readonly is: 'network'; readonly up: boolean }
  | { readonly is: 'clock jumps'; readonly seconds: number };

const after = fc.nat(220);

export const anEvent: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ is: fc.constant('new release'), kind: fc.constantFrom(...kinds) }) },
  { weight: 2, arbitrary: fc.record({ is: fc.constant('new release'), kind: fc.constant('good') }) },
  { weight: 4, arbitrary: fc.constant({ is: 'check by the schedule' }) },
  { weight: 5, arbitrary: fc.record({ is: fc.constant('install by a person'), retry: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ is: 'undo by a person' }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('cancel by a person'), after: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('postponed'), hours: fc.nat(48) }) },
  { weight: 5, arbitrary: fc.record({ is: fc.constant('power cut'), after }) },
  { weight: 4, arbitrary: fc.record({ is: fc.constant('daemon killed'), after }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('disk full'), times: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('network'), up: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      is: fc.constant('clock jumps'),
      seconds: fc.constantFrom(-1_700_000_000, -86_400, -3600, 3600, 86_400, 400 * 86_400),
    }),
  },
) as fc.Arbitrary<Event>;
