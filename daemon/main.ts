/** The processes of the updater that decide: the only place that reads arguments, environment and clock. */
import { realpath } from 'node:fs/promises';
import { uptime } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { faultOf } from '../protocol/control.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import { asUpdateError, UpdateError } from '../protocol/errors.ts';
import type { Box } from './box/box.ts';
import type { Places } from './places.ts';
import type { Clock } from './tools.ts';

const processes: Record<string, (args: string[]) => Promise<number>> = {
  daemon: runDaemon,
  'scratch-box': runScratchBox,
  'rollback-offline': runOffline,
};

/** Runs one of the processes; resolves with its exit code when it ends. */
export async function main(verb: string, args: string[]): Promise<number> {
  try {
    const run = Object.hasOwn(processes, verb) ? processes[verb] : undefined;
    if (!run) throw new UpdateError('USAGE', `There is no process "${verb}".`);
    return await run(args);
  } catch (thrown) {
    const error = asUpdateError(thrown);
    if (args.includes('--json')) console.log(JSON.stringify(faultOf(error)));
    else console.error(`opq-updater: ${error.code}: ${error.message}\n  ${error.todo}`);
    if (error.code === 'INTERNAL') console.error(error.cause);
    // At once: timers that are already set must not keep half a daemon alive.
    process.exit(errorCodes[error.code].exit);
  }
}

const boxes: Record<string, (root: string) => Promise<Box>> = {
  systemd: async () => (await import('./box/systemd/box.ts')).systemdBox(),
  scratch: async (root) => (await import('./box/scratch/box.ts')).scratchBox(root),
};

const clock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  uptimeS: () => Math.floor(uptime()),
  sleep: async (ms, signal) => void (await sleep(ms, undefined, signal ? { signal } : {})),
};

async function runDaemon(args: string[]): Promise<number> {
  const { values } = parse(args, {
    root: { type: 'string' },
    box: { type: 'string' },
    'first-check-s': { type: 'string' },
  });
  const { placesUnder } = await import('./places.ts');
  const { updaterVersion } = await import('./updater-version.ts');
  const { openLog } = await import('./log.ts');
  const { loadConfig } = await import('./load-config.ts');
  const { refuseSecond, serveControl } = await import('./control/server.ts');
  const { startDaemon } = await import('./daemon.ts');
  const { childWorker } = await import('./work/child.ts');
  const { keepBeating } = await import('./heartbeat.ts');
  const { giveBackMemory } = await import('./small-heap.ts');
  const { socketsFromSystemd } = await import('./control/activation.ts');
  const places = placesUnder(resolve(values.root ?? process.env.OPQ_UPDATER_ROOT ?? '/'));
  const box = await chooseBox(values.box, places);
  // Before it takes up what the other one is in the middle of. systemd itself starts a unit but once.
  if (box.kind === 'scratch') await refuseSecond(places.controlSocket);
  const log = openLog(places.logFile, clock.now, (line) => console.log(line));
  const ended = untilSignal();
  const program = process.argv[1]!;
  const updater = { version: updaterVersion, program };
  const daemon = await startDaemon(
    { box, places, log, clock, updater, newWorker: () => childWorker(program), config: () => loadConfig(places) },
    { firstCheckMs: firstCheckMs(values['first-check-s']) },
  );
  const given = socketsFromSystemd(process.env, process.pid);
  await serveControl(daemon, { path: places.controlSocket, page: false, fd: given.control });
  await serveControl(daemon, { path: places.pageSocket, page: true, fd: given.page });
  await keepBeating(daemon.tools);
  log.info('ready');
  giveBackMemory();
  const signal = await ended;
  log.info('ends', { signal });
  daemon.stop();
  // Whatever runs is in the journal; waiting for it would only delay a shutdown.
  process.exit(0);
}

async function chooseBox(kind: string | undefined, places: Places): Promise<Box> {
  const make = kind !== undefined && Object.hasOwn(boxes, kind) ? boxes[kind] : undefined;
  if (make) return make(places.root);
  throw new UpdateError('USAGE', `Expected --box ${Object.keys(boxes).join(' or ')}, found ${kind ?? 'none'}.`);
}

/** One to fifteen minutes, so that a power cut in a whole town does not bring all its boxes at once. */
function firstCheckMs(seconds: string | undefined): number {
  if (seconds === undefined) return (60 + Math.random() * 14 * 60) * 1000;
  if (!/^\d{1,6}$/.test(seconds))
    throw new UpdateError('USAGE', `--first-check-s takes whole seconds, found ${seconds}.`);
  return Number(seconds) * 1000;
}

async function runOffline(args: string[]): Promise<number> {
  const { values } = parse(args, {
    root: { type: 'string' },
    offline: { type: 'boolean' },
    yes: { type: 'boolean' },
    'no-reboot': { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const { placesUnder } = await import('./places.ts');
  const { loadConfig } = await import('./load-config.ts');
  const { isBegun, rollbackOffline } = await import('./offline-rollback.ts');
  const { askYes } = await import('./ask.ts');
  const places = placesUnder(resolve(values.root ?? process.env.OPQ_UPDATER_ROOT ?? '/'));
  const kind = places.root === '/' ? 'systemd' : 'scratch';
  if (kind === 'systemd' && process.geteuid?.() !== 0) throw new UpdateError('NOT_PERMITTED', 'This takes root.');
  const box = await chooseBox(kind, places);
  const { values: config } = await loadConfig(places);
  const reboots = kind === 'systemd' && !values['no-reboot'];
  const to = await rollbackOffline({
    places,
    box,
    config,
    confirmed: async (version) =>
      values.yes === true ||
      askYes(`Put the box back to ${version ?? 'what it was'} now? Its services stop. [yes/no] `),
  }).catch(async (error) => {
    if (reboots && (await isBegun(places))) {
      console.error('opq-updater: it is not over. The box reboots, and its guard goes on.');
      await box.reboot('orderly');
    }
    throw error;
  });
  if (values.json) console.log(JSON.stringify({ to, reboots }));
  else {
    console.log(`The release ${to ?? 'from before the update'} is put back.`);
    console.log(reboots ? 'The box reboots.' : 'Start the box anew: the updater goes on from there.');
  }
  if (reboots) await box.reboot('orderly');
  return 0;
}

async function runScratchBox(args: string[]): Promise<number> {
  // Its systemctl passes words through as they are, dashes and all.
  if (args[0] === '--systemctl') return callSystemctl(args[1] ?? '', args.slice(2));
  const { values, positionals } = parse(args, { 'first-check-s': { type: 'string' } }, true);
  const [folder] = positionals;
  if (!folder || positionals.length > 1)
    throw new UpdateError('USAGE', 'usage: opq-updater scratch-box FOLDER [--first-check-s N]');
  const first = values['first-check-s'];
  const { startScratchBox } = await import('./box/scratch/init.ts');
  const ended = untilSignal();
  const box = await startScratchBox(
    {
      root: resolve(folder),
      // Its starter looks for the program beside others, by its own name.
      program: await realpath(process.argv[1]!),
      daemonArgs: first ? ['--first-check-s', first] : [],
      environment: process.env,
    },
    (text) => console.log(`[box] ${text}`),
  );
  await ended;
  await box.shutdown();
  return 0;
}

async function callSystemctl(root: string, args: string[]): Promise<number> {
  const { askInit } = await import('./box/scratch/init-client.ts');
  const { exitCode, output } = await askInit<{ exitCode: number; output: string }>(root, '/systemctl', { args });
  process.stdout.write(output);
  return exitCode;
}

function parse<T extends NonNullable<Parameters<typeof parseArgs>[0]>['options']>(
  args: string[],
  options: T,
  allowPositionals = false,
) {
  try {
    return parseArgs({ args, options: options as NonNullable<T>, allowPositionals });
  } catch (cause) {
    throw new UpdateError('USAGE', (cause as Error).message, { cause });
  }
}

const untilSignal = (): Promise<string> =>
  new Promise((done) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => done(signal));
  });
