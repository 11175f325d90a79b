// The page's server: dist/opq-updater-ui.js.
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { errorCodes } from '../../protocol/error-codes.ts';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { createApp } from './app.ts';
import { openHasher } from './hash.ts';
import { namesOf } from './hosts.ts';
import { listen, urlOf, type Where, whenIdle } from './listen.ts';
import { openPatience } from './patience.ts';
import { openRelay } from './relay.ts';
import { openSecrets } from './secrets.ts';
import { openSessions } from './sessions.ts';
import { readPageSettings } from './settings.ts';
import { readStaticFiles } from './static-files.ts';

const help = `opq-updater-ui: the technician's page of an OPQ Box

Usage: opq-updater-ui [OPTIONS]

  --root DIR   folder of the box (default: OPQ_UPDATER_ROOT, else /)
  --port N     where systemd hands no socket on; 0 takes any free port and prints it (default: 8152)
  --host ADDR  the address to listen on there (default: every one)
  --page DIR   the built page (default: page/ beside this program)
  --idle-s N   ends itself after so long without connection and session; 0 = never (default: 300)
  --help       show this text
`;

main().catch((thrown) => {
  const { code, message, cause } = asUpdateError(thrown);
  console.error(`opq-updater-ui: ${code}: ${message}`, code === 'INTERNAL' ? cause : '');
  process.exit(errorCodes[code].exit);
});

async function main(): Promise<void> {
  const options = readArguments();
  if (options.help) return void process.stdout.write(help);
  const root = resolve(options.root ?? process.env.OPQ_UPDATER_ROOT ?? '/');
  const run = join(root, 'run/opq-updater');
  const state = join(root, 'var/lib/opq-updater-ui');
  await mkdir(state, { recursive: true, mode: 0o700 });
  const settings = await readPageSettings(join(root, 'etc/opq-updater/page.json'));
  const https = settings.certificate_path !== undefined;
  const pageSocket = join(run, 'page.sock');

  const sessions = await openSessions(state, Date.now, (name) => relay.end(name));
  const relay = openRelay(pageSocket, sessions.lives);
  const site = {
    files: await readStaticFiles(resolve(options.page ?? join(dirname(process.argv[1]!), 'page'))),
    sessions,
    relay,
    secrets: openSecrets(state, run, openHasher()),
    patience: openPatience(),
    pageSocket,
    box: hostname(),
    https,
  };
  const app = createApp(site, namesOf(hostname(), settings.host_names), (line) => console.error(line));
  const server = await listen(app.callback(), where(options), settings);
  // Not on the command line: Node's own modules come compiled, but for V8's own flags alone.
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--optimize-for-size');
  console.log(`opq-updater-ui listening on ${urlOf(server, https)}`);

  const end = async () => {
    await sessions.save().catch(() => {}); // a full disk: somebody signs in again
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
  const idleS = wholeNumber('idle-s', options['idle-s'] ?? '300', 86_400);
  if (idleS > 0) whenIdle(server, () => sessions.count, idleS * 1000, end);
}

/** The socket of systemd when it has opened one for this process. @see sd_listen_fds(3) */
function where({ port = '8152', host }: { port?: string | undefined; host?: string | undefined }): Where {
  const { LISTEN_PID, LISTEN_FDS } = process.env;
  if (Number(LISTEN_PID) === process.pid && LISTEN_FDS === '1') return { fd: 3 };
  return { port: wholeNumber('port', port, 65_535), host };
}

function wholeNumber(option: string, text: string, max: number): number {
  if (/^\d{1,6}$/.test(text) && Number(text) <= max) return Number(text);
  throw new UpdateError('USAGE', `--${option} takes a whole number from 0 to ${max}, found ${JSON.stringify(text)}.`);
}

function readArguments() {
  const text = { type: 'string' } as const;
  try {
    const options = { root: text, port: text, host: text, page: text, 'idle-s': text };
    return parseArgs({ options: { ...options, help: { type: 'boolean' } } }).values;
  } catch (cause) {
    throw new UpdateError('USAGE', `${(cause as Error).message}\n\n${help}`, { cause });
  }
}
