import { DelayedError, type Job, Queue, Worker } from 'bullmq';
import { asUpdateError } from '../../protocol/errors.ts';
import { imageHash, type Plan, parsePlan } from './plan.ts';
import { type BuildQueue, diskPauseMs, isOfDisk, maxTries, type Place } from './queue.ts';

const name = 'opq-attended';

const unstarted = ['waiting', 'delayed', 'prioritized'] as const;

const kept = { attempts: maxTries, removeOnComplete: true, removeOnFail: true } as const;

/** How long it is believed that there are workers, or none. */
const believeMs = 2_000;

/** A worker that says nothing for so long is dead, and its build waits again. */
const lockMs = 10_000;

/**
 * The queue on BullMQ, for workers on several machines. A job is named by its image, so that it is there once, and goes
 * when it ends: what came of it is in the folder of images, which server and workers share.
 */
export async function openBullQueue(url: string, maxJobs: number, log: (line: string) => void): Promise<BuildQueue> {
  const queue = new Queue<Plan>(name, { connection: connection(url, 1) });
  queue.on('error', (error) => log(`build queue: ${error.message}`));
  await queue.waitUntilReady();
  let believed = { atMs: Number.NEGATIVE_INFINITY, alive: false };
  /** Taken by this server and not in the engine yet. */
  const adding = new Set<string>();
  return {
    async add(hash, plan) {
      if (adding.has(hash)) return 'there';
      adding.add(hash);
      try {
        if (await queue.getJob(hash)) return 'there';
        const waiting = await queue.getJobCountByTypes(...unstarted, 'active');
        if (waiting + adding.size > maxJobs) return 'full';
        await queue.add('build', plan, { ...kept, jobId: hash });
        return 'added';
      } finally {
        adding.delete(hash);
      }
    },
    async place(hash): Promise<Place | undefined> {
      const job = await queue.getJob(hash);
      if (job === undefined) return undefined;
      if (await job.isActive()) return { state: job.progress === 'building' ? 'building' : 'initialize' };
      const waiting = await queue.getWaiting(0, maxJobs);
      return {
        state: 'queue',
        position: Math.max(
          0,
          waiting.findIndex(({ id }) => id === hash),
        ),
      };
    },
    async alive() {
      const now = performance.now();
      if (now - believed.atMs > believeMs) believed = { atMs: now, alive: (await queue.getWorkersCount()) > 0 };
      return believed.alive;
    },
    async count() {
      const [queued, running] = await Promise.all([
        queue.getJobCountByTypes(...unstarted),
        queue.getJobCountByTypes('active'),
      ]);
      return { queued, running };
    },
    pending: async () => (await queue.getJobs([...unstarted, 'active'])).map(({ data }) => parsePlan(data)),
    close: () => queue.close(),
  };
}

/**
 * Takes builds until the function that this gives is called.
 * @param pauseMs before a build is begun again that a full or failing disk has stopped
 */
export async function workOn(
  url: string,
  work: (plan: Plan, packing: () => void) => Promise<void>,
  gaveUp: (plan: Plan) => Promise<void>,
  log: (line: string) => void,
  pauseMs = diskPauseMs,
): Promise<() => Promise<void>> {
  const take = async (job: Job<unknown>, token?: string) => {
    const plan = parsePlan(job.data);
    if (imageHash(plan) !== job.id) throw new Error('the job is not named by its plan');
    log(`building ${job.id}`);
    const packing = () => void job.updateProgress('building').catch((error: Error) => log(error.message));
    await work(plan, packing).catch(async (thrown) => {
      const error = asUpdateError(thrown);
      if (!isOfDisk(error)) throw error;
      log(`build ${job.id} waits: ${error.message}`);
      await job.moveToDelayed(Date.now() + pauseMs, token);
      throw new DelayedError();
    });
  };
  const worker = new Worker<unknown>(name, take, {
    connection: connection(url, null),
    concurrency: 1,
    lockDuration: lockMs,
    stalledInterval: lockMs / 2, // whole milliseconds: the engine refuses others
    maxStalledCount: maxTries,
  });
  worker.on('error', (error) => log(`build queue: ${error.message}`));
  worker.on('failed', (job, error) => {
    log(`build ${job?.id} failed: ${error.message}`);
    // Begun as often as it may be: its end is a result, too.
    if (job?.finishedOn) gaveUp(parsePlan(job.data)).catch((trouble: Error) => log(trouble.message));
  });
  await worker.waitUntilReady();
  return () => worker.close();
}

/** @param tries of one command; a worker waits for ever, a server has clients who wait for it */
function connection(url: string, tries: number | null) {
  const common = { maxRetriesPerRequest: tries, enableOfflineQueue: tries === null };
  if (url.startsWith('unix://')) return { ...common, path: url.slice('unix://'.length) };
  return { ...common, url };
}
