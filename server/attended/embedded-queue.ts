import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asUpdateError } from '../../protocol/errors.ts';
import { putText } from '../release/put-file.ts';
import { imageHash, type Plan, parsePlan } from './plan.ts';
import { type BuildQueue, diskPauseMs, isOfDisk, maxTries, type Place } from './queue.ts';

interface Job {
  readonly hash: string;
  readonly plan: Plan;
  /** Orders the files; grows with each job. */
  readonly turn: number;
  tries: number;
  state: 'queue' | 'initialize' | 'building';
  /** In the queue, and not to be begun yet. */
  rests: boolean;
}

/** Who builds; each of them one job at a time. */
export interface Crew {
  /** Undefined when all are busy or none is there; who is given is taken until the release. */
  free(): { build(plan: Plan, packing: () => void): Promise<void>; release(): void } | undefined;
  alive(): boolean;
  close(): Promise<void>;
}
type Free = NonNullable<ReturnType<Crew['free']>>;

/**
 * The queue that is built in: a file for each job, in a folder. A job is taken when its file is on the disk, and its
 * file goes when the result is there; so whatever is killed at any moment, a job is done, or still in the folder.
 * @param gaveUp called for a job that was begun `maxTries` times; it leaves a result
 * @param pauseMs before a job is begun again that a full or failing disk has stopped
 */
export async function openEmbeddedQueue(
  dir: string,
  maxJobs: number,
  crewOf: (onFree: () => void) => Crew,
  gaveUp: (plan: Plan) => Promise<void>,
  log: (line: string) => void,
  pauseMs = diskPauseMs,
): Promise<BuildQueue> {
  await mkdir(dir, { recursive: true });
  const jobs = new Map((await load(dir, log)).map((job) => [job.hash, job]));
  let lastTurn = Math.max(0, ...[...jobs.values()].map(({ turn }) => turn));
  let closed = false;
  const crew = crewOf(next);
  next();

  /** Gives waiting jobs, the oldest first, to workers that are free. */
  function next(): void {
    if (closed) return;
    for (const job of jobs.values()) {
      if (job.state !== 'queue' || job.rests) continue;
      const worker = crew?.free();
      if (worker === undefined) return;
      job.state = 'initialize';
      run(job, worker).catch((error: Error) => log(`build queue: ${error.message}`));
    }
  }

  async function run(job: Job, worker: Free): Promise<void> {
    const outcome = await attempt(job, worker).finally(() => worker.release());
    if (outcome === 'ended') {
      await rm(pathOf(dir, job), { force: true }).catch((error: Error) => log(`build queue: ${error.message}`));
      jobs.delete(job.hash);
    } else job.state = 'queue';
    if (outcome === 'later') rest(job);
    next();
  }

  async function attempt(job: Job, worker: Free): Promise<'ended' | 'again' | 'later'> {
    const before = job.tries;
    try {
      if (before >= maxTries) throw new Error('it was begun as often as it may be');
      // Save, then act: a job that takes everything down with it counts its tries, too.
      job.tries++;
      await write(dir, job);
      await worker.build(job.plan, () => {
        job.state = 'building';
      });
      return 'ended';
    } catch (thrown) {
      const error = asUpdateError(thrown);
      log(`build ${job.hash}, try ${job.tries}: ${error.message}`);
      if (isOfDisk(error)) {
        // No verdict on the request, so no try; a disk that takes this keeps it for a restart.
        job.tries = before;
        await write(dir, job).catch(() => {});
        return 'later';
      }
      return job.tries < maxTries ? 'again' : giveUp(job);
    }
  }

  /** Without a result the job stays: whoever asked would wait for nothing. */
  const giveUp = (job: Job): Promise<'ended' | 'later'> =>
    gaveUp(job.plan).then(
      () => 'ended',
      (trouble: Error) => {
        log(`build ${job.hash}: ${trouble.message}`);
        return 'later';
      },
    );

  function rest(job: Job): void {
    job.rests = true;
    setTimeout(() => {
      job.rests = false;
      next();
    }, pauseMs).unref();
  }

  return {
    async add(hash, plan) {
      if (jobs.has(hash)) return 'there';
      if (jobs.size >= maxJobs) return 'full';
      const job: Job = { hash, plan, turn: ++lastTurn, tries: 0, state: 'queue', rests: false };
      jobs.set(hash, job);
      try {
        await write(dir, job);
      } catch (error) {
        jobs.delete(hash);
        throw error;
      }
      next();
      return 'added';
    },
    async place(hash): Promise<Place | undefined> {
      const job = jobs.get(hash);
      if (job === undefined) return undefined;
      if (job.state !== 'queue') return { state: job.state };
      const waiting = [...jobs.values()].filter(({ state }) => state === 'queue');
      return { state: 'queue', position: waiting.indexOf(job) };
    },
    alive: async () => crew.alive(),
    async count() {
      const queued = [...jobs.values()].filter(({ state }) => state === 'queue').length;
      return { queued, running: jobs.size - queued };
    },
    pending: async () => [...jobs.values()].map(({ plan }) => plan),
    async close() {
      closed = true;
      await crew.close();
    },
  };
}

const pathOf = (dir: string, { turn, hash }: Job): string =>
  join(dir, `${String(turn).padStart(12, '0')}-${hash}.json`);

const write = (dir: string, job: Job): Promise<void> =>
  putText(pathOf(dir, job), JSON.stringify({ tries: job.tries, plan: job.plan }));

async function load(dir: string, log: (line: string) => void): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const name of (await readdir(dir)).sort()) {
    const path = join(dir, name);
    const [, turn, hash = ''] = /^(\d{12})-([0-9a-f]{64})\.json$/.exec(name) ?? [];
    // What begins with a dot was being written when the power went: nobody was told that it was taken.
    if (turn === undefined) await rm(path, { force: true, recursive: true });
    else {
      try {
        const { tries, plan: json } = JSON.parse(await readFile(path, 'utf8'));
        const plan = parsePlan(json);
        if (imageHash(plan) !== hash) throw new Error('its name is not the hash of its plan');
        jobs.push({ hash, plan, turn: Number(turn), tries: Number(tries), state: 'queue', rests: false });
      } catch (error) {
        log(`build queue: ${name} cannot be read and is removed: ${(error as Error).message}`);
        await rm(path, { force: true });
      }
    }
  }
  return jobs;
}
