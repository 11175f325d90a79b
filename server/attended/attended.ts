import { join } from 'node:path';
import type { Middleware } from 'koa';
import { inTime } from '../in-time.ts';
import { buildGivenUp } from './build.ts';
import { collect, collectEveryMs } from './collector.ts';
import { startCrew } from './crew.ts';
import { openEmbeddedQueue } from './embedded-queue.ts';
import { attendedApi } from './http.ts';
import { type Images, openImages } from './images.ts';
import type { BuildQueue } from './queue.ts';
import { type AttendedSettings, parseAttendedSettings } from './settings.ts';
import { openStatistics } from './statistics.ts';
import { openStore } from './store.ts';
import { type BuildNumbers, tallyBuilds } from './tally.ts';

/** Of those who ask for numbers. */
const patienceMs = 1_000;

export interface Attended {
  readonly middleware: Middleware;
  /** Forgets failures, so that what failed is tried again; gives their number. */
  flushFailures(): Promise<number>;
  /** What the collector does every few minutes. */
  collect(): Promise<void>;
  /** For who watches the server. */
  numbers(): Promise<BuildNumbers>;
  stop(): Promise<void>;
}

export interface Surroundings {
  readonly nowMs: () => number;
  readonly log: (line: string) => void;
  /** Path of the program of a worker. */
  readonly workerProgram: string;
  /** As in a test, which cannot wait for minutes. */
  readonly diskPauseMs?: number;
}

/**
 * Builds on demand, as a layer of the update server: loaded only when its settings are there.
 * @throws UpdateError CONFIG_INVALID, KEY_INVALID, or of the file system
 */
export async function openAttended(json: unknown, around: Surroundings): Promise<Attended> {
  const { nowMs, log } = around;
  const settings = parseAttendedSettings(json);
  const store = await openStore(settings.store_dir, settings.index_key_path, nowMs, log);
  const statistics = await openStatistics(join(settings.cache_dir, 'statistics.json'));
  const tally = tallyBuilds();
  const images = await openImages(settings, nowMs, (about) => {
    tally.add(about);
    if (about.image) statistics.built(about.plan.target, about.buildMs);
  });
  const queue = await openQueue(settings, images, around);
  for (const plan of await queue.pending()) images.know(plan);

  const collectNow = () => collect(images, settings, statistics, nowMs());
  const timer = setInterval(() => {
    collectNow().catch((error: Error) => log(`collector: ${error.message}`));
  }, collectEveryMs);
  timer.unref();
  return {
    middleware: attendedApi({ settings, store, images, queue, statistics, nowMs }),
    flushFailures: images.flushFailures,
    collect: collectNow,
    async numbers() {
      const counted = Promise.all([queue.alive(), queue.count()]).then(([alive, count]) => ({ alive, ...count }));
      return {
        // A Redis that is away: that is what the operator is told.
        queue: await inTime(counted, patienceMs).catch(() => undefined),
        ended: tally.ended,
        seconds: tally.seconds(),
        imageBytes: images.totalBytes(),
        cacheDir: settings.cache_dir,
      };
    },
    async stop() {
      clearInterval(timer);
      await queue.close();
      await statistics.save();
    },
  };
}

async function openQueue(settings: AttendedSettings, images: Images, around: Surroundings): Promise<BuildQueue> {
  const { nowMs, log, workerProgram, diskPauseMs } = around;
  if (settings.redis_url !== undefined) {
    const { openBullQueue } = await import('./bullmq-queue.ts');
    return openBullQueue(settings.redis_url, settings.max_queue, log);
  }
  return openEmbeddedQueue(
    join(settings.cache_dir, 'queue'),
    settings.max_queue,
    (onFree) => startCrew(workerProgram, settings, onFree, nowMs),
    (plan) => buildGivenUp(plan, images.dir, nowMs()),
    log,
    diskPauseMs,
  );
}
