import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, json } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { faultOf, httpStatusOf, type Output } from '../../protocol/control.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { type OperationName, operations } from '../../protocol/operations.ts';
import { judge } from '../../protocol/schema.ts';
import type { LogLine, Status } from '../../protocol/views.ts';
import { statusWith } from './samples.ts';

type Answers = { [K in OperationName]?: Output[K] | UpdateError };

export interface FakeDaemon {
  /** What goes after --root. */
  readonly root: string;
  /** Every request, as `POST /check {"install":true}`. */
  readonly asked: string[];
  /** What it answers from now on; a status also goes to everyone who listens. */
  answer(answers: Answers): void;
  /** Makes a new truth of these fields, for everyone who listens and for those who come later. */
  say(changes: Partial<Status>): void;
  log(line: LogLine): void;
  /** Any bytes, to everyone who listens. */
  send(text: string): void;
  /** Resolves when somebody listens. */
  listened(): Promise<void>;
  /** Gone, sockets and all, as in a reboot. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/**
 * A daemon that answers what it is told to, on real unix sockets in a folder of its own; gone with the test.
 * @param modes file modes of the two sockets; undefined = that socket is not there
 * @param finally_ takes what removes it, where no test runs
 */
export async function fakeDaemon(
  answers: Answers = {},
  modes: { control?: number; page?: number } = { control: 0o600 },
  finally_: (end: () => Promise<void>) => void = onTestFinished,
): Promise<FakeDaemon> {
  const root = await mkdtemp(join(tmpdir(), 'opq-cli-'));
  const run = join(root, 'run/opq-updater');
  const asked: string[] = [];
  const listeners = new Set<ServerResponse>();
  let servers: Server[] = [];
  let truth = answers.status instanceof UpdateError ? statusWith({}) : (answers.status ?? statusWith({}));
  let told: Answers = answers;

  async function handle(request: IncomingMessage, response: ServerResponse, isPage: boolean): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://daemon');
    const rows = Object.entries(operations) as [OperationName, (typeof operations)[OperationName]][];
    const [name, row] = rows.find(([, { method, path }]) => method === request.method && path === url.pathname) ?? [];
    const raw = request.method === 'POST' ? await json(request) : Object.fromEntries(url.searchParams);
    if (request.method === 'PUT') await buffer(request);
    asked.push(`${request.method} ${url.pathname} ${JSON.stringify(raw)}`);
    const input = row && judge(row.input, raw);
    if (!name || !row || !input?.success) return fail(response, new UpdateError('USAGE', 'Not an operation.'));
    if (isPage && !row.page) return fail(response, new UpdateError('NOT_PERMITTED', 'Not for the page.'));
    const answer = name === 'status' && !(told.status instanceof UpdateError) ? truth : told[name];
    if (answer instanceof UpdateError) return fail(response, answer);
    if (name === 'events' || (name === 'log' && url.searchParams.get('follow') === 'true')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(
        name === 'events' ? event('status', truth) : (told.log as LogLine[]).map((l) => event('log', l)).join(''),
      );
      listeners.add(response);
      response.on('close', () => listeners.delete(response));
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  const daemon: FakeDaemon = {
    root,
    asked,
    answer(more) {
      told = { ...told, ...more };
    },
    say(changes) {
      truth = { ...truth, ...changes, seq: truth.seq + 1 };
      daemon.send(event('status', truth));
    },
    log: (line) => daemon.send(event('log', line)),
    send: (text) => listeners.forEach((response) => void response.write(text)),
    async listened() {
      while (listeners.size === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    async stop() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      }
      servers = [];
      await rm(run, { recursive: true, force: true });
    },
    async start() {
      await mkdir(run, { recursive: true });
      for (const [name, mode] of Object.entries(modes)) {
        const server = createServer((request, response) => void handle(request, response, name === 'page'));
        const path = join(run, `${name}.sock`);
        server.listen(path);
        await once(server, 'listening');
        await chmod(path, mode);
        servers.push(server);
      }
    },
  };
  // mkdtemp makes 0700, but some tests come as another user.
  await chmod(root, 0o755);
  await daemon.start();
  finally_(async () => {
    await daemon.stop();
    await rm(root, { recursive: true, force: true });
  });
  return daemon;
}

const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

function fail(response: ServerResponse, error: UpdateError): void {
  response.writeHead(httpStatusOf(error.code), { 'content-type': 'application/json' });
  response.end(JSON.stringify(faultOf(error)));
}
