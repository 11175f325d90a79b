// The update server's program: dist/opq-update-server.js.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { errorCodes, isErrorCode } from '../protocol/error-codes.ts';
import { asUpdateError, UpdateError } from '../protocol/errors.ts';
import type { Attended } from './attended/attended.ts';
import { listen } from './listen.ts';
import { countTraffic, type Traffic } from './monitoring/traffic.ts';
import { loadSettings, type Settings, settingsVariable } from './settings.ts';
import { updatesFolder } from './updates-folder.ts';

/** Well below the 90 s after which systemd kills; docker/compose.yaml allows for it. */
const drainMs = 30_000;

const help = `opq-update-server: hands out update packages to OPQ Boxes

Usage:
  ${settingsVariable}='{"port":8151,"updates_dir":"/var/opq/updates"}' opq-update-server
  opq-update-server --settings FILE

Options:
  --settings FILE  read the settings from FILE instead of the variable
  --help           show this text

Settings (JSON):
  port         0 to 65535; 0 takes any free port and prints it
  updates_dir  the folder with the packages, as "opq-release publish" fills it
  host         the address to listen on; without it, all addresses
  metrics      {"port":9151}: /metrics for Prometheus, on 127.0.0.1 unless "host" names another address; without it
               there are none
  attended     builds on demand: see docs/attended.md; without it there are none

Stops on SIGTERM or SIGINT: running downloads get ${drainMs / 1000} s to finish; a second signal ends it at once.
Exit codes: 0 stopped, 1 unexpected, 2 usage, settings, folder or port, 4 a key of "attended".
`;

main().catch((thrown) => {
  const { code, message } = asUpdateError(thrown);
  const text = code === 'INTERNAL' && thrown instanceof Error ? thrown.stack : message;
  process.stderr.write(`opq-update-server: ${text}\n`);
  // What was opened before the trouble came would keep the process alive.
  process.exit(errorCodes[code].exit);
});

async function main(): Promise<void> {
  const options = readArguments();
  if (options.help) return void process.stdout.write(help);
  const settings = await loadSettings(process.env[settingsVariable], options.settings);
  // A log that nobody reads any more must not end the server.
  process.stdout.on('error', () => {});
  const log = (line: string) => process.stdout.write(`${line}\n`);
  const attended = settings.attended && (await openAttended(settings.attended, log));
  const traffic = settings.metrics && countTraffic();
  const server = await listen(settings, { nowMs: Date.now, log, layer: attended?.middleware, traffic });
  log(`opq-update-server listening on ${server.place}, updates from ${settings.updates_dir}`);
  const monitoring = await openMonitoring(settings, traffic, attended?.numbers, log);

  const signal = await nextSignal();
  log(`opq-update-server stopping on ${signal}, downloads get ${drainMs / 1000} s to finish`);
  await server.stop(drainMs);
  await monitoring?.stop(0);
  await attended?.stop();
  log('opq-update-server stopped');
}

/** Without their settings, nothing of it is even evaluated. */
async function openMonitoring(
  { metrics, updates_dir }: Settings,
  traffic: Traffic | undefined,
  builds: Attended['numbers'] | undefined,
  log: (line: string) => void,
) {
  if (metrics === undefined || traffic === undefined) return undefined;
  const { openMonitoring } = await import('./monitoring/monitoring.ts');
  const folder = updatesFolder(updates_dir, Date.now);
  const monitoring = await openMonitoring(metrics, { traffic, folder, nowMs: Date.now, builds }, log);
  log(`opq-update-server metrics on ${monitoring.url}/metrics`);
  return monitoring;
}

/** Beside this program are those that builds on demand need: without their settings they are not even read. */
async function openAttended(json: unknown, log: (line: string) => void) {
  const { openAttended } = await import('./attended/attended.ts');
  const workerProgram = fileURLToPath(new URL('opq-attended-worker.js', import.meta.url));
  const attended = await openAttended(json, { nowMs: Date.now, log, workerProgram }).catch((cause) => {
    // Thrown by another program file, its errors are not of our class.
    const { code, message, syscall } = cause as NodeJS.ErrnoException;
    if (isErrorCode(code)) throw new UpdateError(code, message, { cause });
    throw syscall ? new UpdateError('NOT_FOUND', `Builds on demand: ${message}.`, { cause }) : cause;
  });
  process.on('SIGHUP', () => {
    attended.flushFailures().then(
      (count) => log(`forgot ${count} failed builds`),
      (error: Error) => log(`failed builds: ${error.message}`),
    );
  });
  return attended;
}

function readArguments() {
  try {
    return parseArgs({ options: { settings: { type: 'string' }, help: { type: 'boolean', short: 'h' } } }).values;
  } catch (cause) {
    throw new UpdateError('USAGE', `${(cause as Error).message}\n\n${help}`, { cause });
  }
}

/** Each handler serves once: a second signal has its usual effect. */
const nextSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
