import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageName } from '../../protocol/version.ts';
import { type Recipe, writeContent } from './release.ts';

const run = promisify(execFile);

/** Where the guest finds the update server; every box here is configured with it. */
export const serverPort = 8151;
export const serverUrl = `http://10.0.2.100:${serverPort}`;

export type Publisher = Awaited<ReturnType<typeof openPublisher>>;

/**
 * Who makes releases, and the update server, both with the programs that are tested; on this machine, outside of the box.
 * @param programs folder of opq-release.js and opq-update-server.js
 * @param keys folder of private_key.pem and public_key.pem
 */
export async function openPublisher(folder: string, programs: string, keys: string) {
  const updates = join(folder, 'updates');
  await mkdir(updates, { recursive: true });
  const server = await openServer(join(programs, 'opq-update-server.js'), updates);
  const tool = (...args: string[]) => run(process.execPath, [join(programs, 'opq-release.js'), ...args]);
  const privateKey = join(keys, 'private_key.pem');

  /** Builds a package; its path. */
  async function build(recipe: Recipe): Promise<string> {
    const content = join(folder, 'content', String(recipe.version));
    await writeContent(content, recipe);
    await tool('build', content, '--version', String(recipe.version), '--out', folder);
    return join(folder, packageName(recipe.version));
  }
  return {
    updates,
    server,
    /** What boxes pin. */
    publicKey: join(keys, 'public_key.pem'),
    tool,
    build,
    /** Builds a package and signs it, as for a USB stick; its path, with `.sig` beside it. */
    async stick(recipe: Recipe): Promise<string> {
      const path = await build(recipe);
      await tool('sign', path, '--key', privateKey);
      return path;
    },
    /** Offers a release to the boxes. */
    async publish(recipe: Recipe): Promise<void> {
      await tool('publish', await build(recipe), '--to', updates, '--key', privateKey);
    },
    close: () => server.stop(),
  };
}

/** Makes the key pair whose public half boxes pin. */
export async function makeKeys(programs: string, keys: string): Promise<void> {
  await run(process.execPath, [join(programs, 'opq-release.js'), 'keygen', keys]);
}

/** The update server as a process; one port for as long as it is open, also after it was down. */
async function openServer(program: string, updates: string) {
  let child: ChildProcess | undefined;
  let port = 0;
  async function start(): Promise<void> {
    const settings = JSON.stringify({ host: '127.0.0.1', port, updates_dir: updates });
    const env = { ...process.env, BOX_UPDATE_SERVER_SETTINGS: settings };
    // Ends with us, however we end.
    const command = ['--pdeathsig', 'KILL', process.execPath, program];
    child = spawn('setpriv', command, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    port = await portOf(child);
  }
  await start();
  return {
    get port() {
      return port;
    },
    start,
    async stop(): Promise<void> {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** The port that it says it listens on. */
function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const found = / listening on http:\S+:(\d+)/.exec(said)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
    child.once('exit', (code) => reject(new Error(`The update server ended with ${code}: ${said}`)));
  });
}
