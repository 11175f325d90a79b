import type { UpdateError } from '../../protocol/errors.ts';
import type { Plan } from './plan.ts';

/** Where an unfinished build is: the words are those of the API, a client aborts at any other. */
export type Place =
  | { readonly state: 'queue'; readonly position: number }
  | { readonly state: 'initialize' | 'building' };

export interface QueueNumbers {
  readonly queued: number;
  readonly running: number;
}

/** Builds that wait or run. A build that ended is in the folder of images and no more here. */
export interface BuildQueue {
  /** Takes a plan unless it is there; when it says so, the plan survives a power cut. */
  add(hash: string, plan: Plan): Promise<'added' | 'there' | 'full'>;
  place(hash: string): Promise<Place | undefined>;
  /** There is somebody to do the work. */
  alive(): Promise<boolean>;
  count(): Promise<QueueNumbers>;
  /** Everything unfinished, as after a restart. */
  pending(): Promise<readonly Plan[]>;
  close(): Promise<void>;
}

/** How often a build is begun that never ends: a worker that dies of it three times would die for ever. */
export const maxTries = 3;

/** Before a build that a full or failing disk has stopped is begun again: somebody, or the collector, may make room. */
export const diskPauseMs = 2 * 60_000;

/** No verdict on the request, so it counts as no try. */
export const isOfDisk = ({ code }: UpdateError): boolean => code === 'DISK_FULL' || code === 'DISK_FAILED';
