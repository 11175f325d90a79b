import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import enterProgram from './enter.sh';
import type { Command, Request } from './rehearsal.ts';
import { placesOf, type Tree } from './tree.ts';

export interface Ended {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
  /** The end of what it printed. */
  readonly output: string;
}

/** As systemd gives it to a service; what programs say of a failed write is looked for in English. */
const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_MESSAGES: 'C' };
const maxOutput = 64 * 1024;

/** Is told of each command, numbered from 1, before it runs; false = the power goes in that moment. */
type Watch = (command: Command, step: number) => boolean;

/** Runs install_update.sh in a tree as a box does: by bash, in the unpacked folder. */
export async function runScript(request: Request, tree: Tree, before?: Watch): Promise<Ended> {
  await writeFile(placesOf(request).calls, '');
  // Not by `exec`: the first process of a namespace cannot be killed by those in it.
  const program = `cd '${request.folder.replaceAll("'", "'\\''")}' && bash ./install_update.sh; exit $?`;
  return runIn(request, tree, { program, writable: request.writable, before });
}

/** Undoes in a tree as a box does, by its restore program. */
export const runRestore = (request: Request, tree: Tree): Promise<Ended> =>
  runIn(request, tree, {
    program: 'sh /dev/opq-release/restore.sh /dev/opq-release/snapshot /; exit $?',
    writable: [],
  });

async function runIn(
  request: Request,
  tree: Tree,
  how: { program: string; writable: readonly string[]; before?: Watch | undefined },
): Promise<Ended> {
  const child = spawn(
    'unshare',
    [
      ...['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', enterProgram, 'enter.sh'],
      ...[tree.root, join(request.scratch, 'dev'), how.program, ...how.writable],
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe', how.before ? 'pipe' : 'ignore'],
      env: { ...environment, ...(how.before ? { BASH_ENV: '/dev/opq-release/steps.sh' } : {}) },
    },
  );
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-maxOutput);
    });
  }
  if (how.before) answerSteps(child.stdio[3] as Socket, how.before);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGKILL');
  }, request.timeoutMs);
  // With the first process all others of the namespace have ended, so nobody holds the pipes.
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve).once('error', reject);
  });
  clearTimeout(timer);
  return { exitCode: timedOut ? null : exitCode, timedOut, output };
}

/** One byte is the answer, as more could be read by two at once. */
function answerSteps(socket: Socket, before: Watch): void {
  let rest = '';
  let step = 0;
  // Killed while it waits: that is what was asked for.
  socket.on('error', () => {});
  socket.setEncoding('utf8').on('data', (text: string) => {
    const records = (rest + text).split('\0');
    rest = records.pop()!;
    for (const record of records) {
      const [line = '', file = '', ...command] = record.split('\t');
      const own = file === './install_update.sh';
      const goesOn = before({ line: Number(line), file: own ? null : file, text: command.join('\t') }, ++step);
      socket.write(goesOn ? 'g' : 's');
    }
  });
}
