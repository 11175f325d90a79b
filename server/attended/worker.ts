// The program of a worker: dist/opq-attended-worker.js. Beside the server it is told what to build; alone it asks BullMQ.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorCodes } from '../../protocol/error-codes.ts';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { parsePublicKey } from '../../protocol/keys.ts';
import { readPrivateKey } from '../release/key-files.ts';
import { loadSettings, settingsVariable } from '../settings.ts';
import { build, buildGivenUp, type Workbench } from './build.ts';
import type { FromWorker, ToWorker } from './crew.ts';
import { imagesDirOf } from './images.ts';
import { imageHash, type Plan, parsePlan } from './plan.ts';
import { type AttendedSettings, parseAttendedSettings } from './settings.ts';

const help = `opq-attended-worker: builds updates on demand for an opq-update-server, on this or another machine

Usage:
  opq-attended-worker --settings FILE

The settings are those of the server, or in ${settingsVariable}; "attended" needs redis_url. store_dir and
cache_dir are the same folders that the server has, mounted here. Stops on SIGTERM or SIGINT after the build at hand.
Exit codes: 0 stopped, 1 unexpected, 2 usage or settings.
`;

const log = (line: string) => process.stderr.write(`${line}\n`);

(process.send === undefined ? alone() : besideTheServer(process.send.bind(process))).catch((thrown) => {
  const { code, message } = asUpdateError(thrown);
  log(`opq-attended-worker: ${message}`);
  process.exit(errorCodes[code].exit);
});

async function besideTheServer(send: (message: FromWorker) => void): Promise<void> {
  // The server went away: what was being built is in its queue, and is built again.
  process.once('disconnect', () => process.exit(0));
  let work: ((plan: Plan, packing: () => void) => Promise<void>) | undefined;
  process.on('message', async (message: ToWorker) => {
    if ('settings' in message) {
      work = await worker(message.settings);
      return send({ ready: true });
    }
    const plan = parsePlan(message.plan);
    const hash = imageHash(plan);
    try {
      await work!(plan, () => send({ packing: hash }));
      send({ done: hash });
    } catch (thrown) {
      const { code, message } = asUpdateError(thrown);
      send({ failed: hash, code, message });
    }
  });
}

async function alone(): Promise<void> {
  const { values } = parseArgs({ options: { settings: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
  if (values.help) return void process.stdout.write(help);
  const settings = parseAttendedSettings((await loadSettings(process.env[settingsVariable], values.settings)).attended);
  if (settings.redis_url === undefined) {
    throw new UpdateError(
      'CONFIG_INVALID',
      'attended.redis_url is missing: without it the server starts its own workers.',
    );
  }
  const { workOn } = await import('./bullmq-queue.ts');
  const gaveUp = (plan: Plan) => buildGivenUp(plan, imagesDirOf(settings.cache_dir), Date.now());
  const stop = await workOn(settings.redis_url, await worker(settings), gaveUp, log);
  log('opq-attended-worker takes builds');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop().then(() => process.exit(0)));
}

/** Builds with a limit of time: a build that hangs ends with its worker, and is tried again by another. */
async function worker(settings: AttendedSettings) {
  const bench: Workbench = {
    storeDir: settings.store_dir,
    imagesDir: imagesDirOf(settings.cache_dir),
    indexKeys: [parsePublicKey(await readFile(settings.index_key_path, 'utf8'), settings.index_key_path)],
    builderKey: (await readPrivateKey(settings.builder_key_path)).key,
    nowMs: Date.now,
    log,
  };
  await mkdir(join(bench.imagesDir), { recursive: true });
  return async (plan: Plan, packing: () => void): Promise<void> => {
    const timer = setTimeout(() => {
      log(`build of ${imageHash(plan)} took longer than ${settings.build_timeout_s} s`);
      process.exit(1);
    }, settings.build_timeout_s * 1000);
    await build(plan, bench, packing).finally(() => clearTimeout(timer));
  };
}
