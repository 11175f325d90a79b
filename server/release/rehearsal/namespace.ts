import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { isErrorCode } from '../../../protocol/error-codes.ts';
import { UpdateError } from '../../../protocol/errors.ts';

/** The word after which this program is the one in the namespace. */
export const insideVerb = 'rehearse-inside';

const unshare = ['--user', '--mount', '--pid', '--net', '--ipc', '--uts', '--fork', '--kill-child'];
/** Waits until the owners are mapped: before that it is nobody. */
const waiting = 'echo; read -r _ && exec "$@"';

/**
 * Runs this program as root of a user namespace with mounts, processes and network of its own, and gives what it
 * answers. Where that may not be, nothing is run in its place.
 * @param program the file that this process runs
 * @throws UpdateError NOT_PERMITTED, NOT_FOUND, CANCELLED, or what is thrown there
 */
export async function inNamespace<T>(program: string, requestFile: string): Promise<T> {
  const child = spawn(
    'unshare',
    [...unshare, 'sh', '-c', waiting, 'sh', process.execPath, program, insideVerb, requestFile],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let cancelled = false;
  let entered = false;
  const cancel = () => {
    cancelled = true;
    child.kill('SIGKILL');
  };
  process.once('SIGINT', cancel).once('SIGTERM', cancel);
  // It may be gone before it is answered.
  child.stdin.on('error', () => {});
  const said = text(child.stderr);
  try {
    const ended = new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
    child.stdout.once('data', () =>
      mapOwners(child.pid!).then(
        () => {
          entered = true;
          child.stdin.write('go\n');
        },
        (error) => child.stdin.destroy(error),
      ),
    );
    const [answer] = await Promise.all([text(child.stdout), ended]);
    if (cancelled) throw new UpdateError('CANCELLED', 'Stopped by a signal; nothing was changed.');
    return answerIn(answer.trim(), entered, await said);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new UpdateError('NOT_FOUND', '"unshare" of util-linux is not installed here; this works on Linux alone.');
  } finally {
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
  }
}

/**
 * As root all owners stay who they are, so that a box's files keep theirs; anybody else is root there, and alone.
 * @see user_namespaces(7)
 */
async function mapOwners(pid: number): Promise<void> {
  const [uid, gid] = [process.geteuid!(), process.getegid!()];
  if (uid !== 0) await writeFile(`/proc/${pid}/setgroups`, 'deny');
  for (const [name, id] of [
    ['uid_map', uid],
    ['gid_map', gid],
  ] as const) {
    const ours = await readFile(`/proc/self/${name}`, 'utf8');
    const same = ours.replace(/^ *(\d+) +\d+ +(\d+)$/gm, '$1 $1 $2');
    await writeFile(`/proc/${pid}/${name}`, uid === 0 ? same : `0 ${id} 1\n`);
  }
}

function answerIn<T>(json: string, entered: boolean, said: string): T {
  if (json === '' && entered) throw new UpdateError('INTERNAL', `The rehearsal broke off: ${said.trim().slice(-500)}`);
  if (json === '') {
    const why = said.trim().split('\n')[0] || 'it ended without a word';
    throw new UpdateError(
      'NOT_PERMITTED',
      `install_update.sh is run in a user namespace, and this machine does not allow one: ${why} Run it as root, or ` +
        'allow it: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or user.max_user_namespaces above 0; in a ' +
        'container it takes one that may make namespaces.',
    );
  }
  const { result, error } = JSON.parse(json);
  if (error === undefined) return result;
  throw new UpdateError(isErrorCode(error.code) ? error.code : 'INTERNAL', error.message);
}
