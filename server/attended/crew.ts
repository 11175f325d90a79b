import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';
import type { Crew } from './embedded-queue.ts';
import { imageHash, type Plan } from './plan.ts';
import type { AttendedSettings } from './settings.ts';

/** What a worker beside the server is told, and what it says. */
export type ToWorker = { readonly settings: AttendedSettings } | { readonly plan: Plan };
export type FromWorker =
  | { readonly ready: true }
  | { readonly packing: string }
  | { readonly done: string }
  | { readonly failed: string; readonly code: ErrorCode; readonly message: string };

/** A worker that ends is started again, later each time: from one second on to a minute. */
const restartMs = { first: 1_000, longest: 60_000 };

/** How long the work may rest before it is said that there is no worker. */
const patienceMs = 10_000;

interface Place {
  child: ChildProcess | undefined;
  ready: boolean;
  taken: boolean;
  job: { readonly hash: string; packing(): void; done(): void; failed(error: Error): void } | undefined;
  waitMs: number;
}

/** Workers as child processes of the server: what one of them does to its memory does nothing to the server. */
export function startCrew(program: string, settings: AttendedSettings, onFree: () => void, nowMs: () => number): Crew {
  const places: Place[] = Array.from({ length: settings.workers }, () => ({
    child: undefined,
    ready: false,
    taken: false,
    job: undefined,
    waitMs: restartMs.first,
  }));
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;
  let lastReadyMs = nowMs();
  for (const place of places) start(place);

  function start(place: Place): void {
    const child = fork(program, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    place.child = child;
    child.send({ settings } satisfies ToWorker, () => {});
    child.on('message', (message) => hear(place, message as FromWorker));
    child.on('error', () => {}); // its end says the same
    child.once('exit', (code, signal) => {
      if (place.ready) lastReadyMs = nowMs();
      place.ready = false;
      place.child = undefined;
      const { job } = place;
      place.job = undefined;
      job?.failed(new Error(`its worker ended with ${signal ?? code}`));
      if (closed) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        start(place);
      }, place.waitMs);
      timers.add(timer);
      place.waitMs = Math.min(place.waitMs * 2, restartMs.longest);
    });
  }

  function hear(place: Place, message: FromWorker): void {
    const { job } = place;
    if ('ready' in message) place.ready = true;
    else if ('packing' in message) job?.packing();
    else {
      place.job = undefined;
      if ('done' in message) {
        place.waitMs = restartMs.first;
        job?.done();
      } else job?.failed(new UpdateError(message.code, message.message));
    }
    onFree();
  }

  return {
    free() {
      const place = places.find(({ ready, taken }) => ready && !taken);
      if (place === undefined) return undefined;
      place.taken = true;
      return {
        release() {
          place.taken = false;
        },
        build: (plan, packing) =>
          new Promise<void>((done, failed) => {
            if (!place.ready) throw new Error('its worker ended before it began');
            place.job = { hash: imageHash(plan), packing, done, failed };
            place.child!.send({ plan } satisfies ToWorker, (error) => error && place.child?.kill('SIGKILL'));
          }),
      };
    },
    alive: () => places.length > 0 && (places.some(({ ready }) => ready) || nowMs() - lastReadyMs < patienceMs),
    async close() {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      for (const { child } of places) {
        if (!child) continue;
        const ended = once(child, 'exit');
        child.kill('SIGKILL'); // its job is still in the queue
        await ended;
      }
    },
  };
}
