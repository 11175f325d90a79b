import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cliPath } from './run-cli.ts';

const starter = fileURLToPath(new URL('../../systemd/start.sh', import.meta.url));
const dist = fileURLToPath(new URL('../../dist', import.meta.url));

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects in it
  readonly body: any;
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** As the page itself asks, unless told otherwise. */
  readonly cookie?: string | undefined;
  /** Comes back with what was said by then, without waiting for the end. */
  readonly until?: RegExp;
}

export type PageServer = Awaited<ReturnType<typeof startPage>>;

/**
 * The page's server as a process of its own, with a small page, on any free port.
 * @param root folder of the box whose page.sock it speaks to
 */
export async function startPage(root: string, { settings = {}, options = [] as string[] } = {}) {
  const page = join(root, 'page');
  mkdirSync(join(page, 'assets'), { recursive: true });
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>page</title>');
  writeFileSync(join(page, 'assets/main-1a2b3c.js'), 'document.title = "up";');
  mkdirSync(join(root, 'etc/opq-updater'), { recursive: true });
  writeFileSync(join(root, 'etc/opq-updater/page.json'), JSON.stringify(settings));
  const args = [starter, 'ui', '--root', root, '--port', '0', '--host', '127.0.0.1', '--page', page, ...options];
  const env = { PATH: process.env.PATH, OPQ_ROOT: root, OPQ_FACTORY: dist };
  let output = '';
  let child: ChildProcess;
  let url: URL;

  async function start(): Promise<void> {
    output = '';
    child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    url = await new Promise((resolve, reject) => {
      const look = (chunk: Buffer) => {
        output += chunk;
        const [, said] = /listening on (\S+)/.exec(output) ?? [];
        if (said) resolve(new URL(said));
      };
      child.stdout!.on('data', look);
      child.stderr!.on('data', look);
      child.once('exit', () => reject(new Error(`The page's server ended: ${output}`)));
    });
  }
  await start();

  /** One request with a connection of its own. */
  const says = ({ method = 'GET', path, headers = {}, body, cookie, until }: Ask): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const unsafe = method === 'GET' ? {} : { origin: url.origin, 'content-type': 'application/json' };
      const sent = request(
        {
          hostname: url.hostname,
          port: url.port,
          method,
          path,
          agent: false,
          headers: { ...unsafe, ...(cookie ? { cookie } : {}), ...headers },
        },
        (response) => {
          let text = '';
          const done = () => {
            const json = /^application\/json/.test(String(response.headers['content-type'])) && text !== '';
            resolve({
              status: response.statusCode!,
              headers: response.headers,
              text,
              body: json ? JSON.parse(text) : null,
            });
            sent.destroy();
          };
          response.setEncoding('utf8').on('data', (piece: string) => {
            text += piece;
            if (until?.test(text)) done();
          });
          response.once('end', done).once('error', reject);
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });

  const server = {
    root,
    says,
    get url() {
      return url;
    },
    get process() {
      return child;
    },
    output: () => output,
    post: (path: string, body: object, cookie?: string) =>
      says({ method: 'POST', path, body: JSON.stringify(body), cookie }),
    /** As root makes it on the box. */
    async pin(): Promise<string> {
      const { stdout } = await promisify(execFile)(process.execPath, [
        cliPath,
        'page',
        'pin',
        '--root',
        root,
        '--json',
      ]);
      return JSON.parse(stdout).pin;
    },
    /** Signs in with a new password. @returns the cookie */
    async signIn(password = 'correct horse'): Promise<string> {
      const answer = await server.post('/api/login', { pin: await server.pin(), new_password: password });
      return cookieOf(answer);
    },
    async stop(): Promise<void> {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    },
    async restart(): Promise<void> {
      await server.stop();
      await start();
    },
  };
  return server;
}

/** What a browser sends back of an answer. */
export const cookieOf = ({ headers }: Answer): string => headers['set-cookie']?.[0]?.split(';')[0] ?? '';
