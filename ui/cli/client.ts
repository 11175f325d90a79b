import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { errorFrom, type Output } from '../../protocol/control.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { type OperationName, operations } from '../../protocol/operations.ts';
import * as s from '../../protocol/schema.ts';
import { type DaemonEvent, readEvents } from './sse.ts';

type Given<K extends OperationName> = s.Input<(typeof operations)[K]['input']>;

/** The daemon as seen from here. Its answers are trusted in shape: it is root's own, and of the same package. */
export interface Daemon {
  /**
   * @throws UpdateError what the daemon answered with | DAEMON_UNREACHABLE | NOT_PERMITTED | USAGE
   */
  ask<K extends OperationName>(name: K, input: Given<K>): Promise<Output[K]>;
  /** A stream of events, until one side ends it. Throws as `ask` does. */
  listen<K extends OperationName>(name: K, input: Given<K>, signal?: AbortSignal): AsyncGenerator<DaemonEvent>;
}

/** How long an answer may take. */
const usualWaits = { answerMs: 120_000, patientMs: 15 * 60_000 };
/** These ask the update server before they answer, or read a package from a slow stick. */
const patient: readonly OperationName[] = [
  'check',
  'install',
  'components',
  'upgrade',
  'install_file',
  'key_fetch',
  'rollback',
  'undo_plan',
  'doctor',
];
/** A stream without so much as a keep-alive for this long is dead. */
const silenceMs = 90_000;

/** The room for the path of a unix socket in the kernel's sockaddr_un, without the closing zero. */
const maxSocketPathBytes = 107;

/** Speaks to the daemon of the box below `root`; a request has a connection of its own. */
export function daemonAt(root: string, { answerMs, patientMs } = usualWaits): Daemon {
  const folder = join(root, 'run/opq-updater');
  return {
    async ask(name, input) {
      const response = await open(folder, name, input, patient.includes(name) ? patientMs : answerMs);
      const body = await text(response).catch((cause) => {
        throw unreachable(folder, cause);
      });
      return parsed(body) as Output[typeof name];
    },

    async *listen(name, input, signal) {
      const response = await open(folder, name, input, silenceMs, signal);
      try {
        yield* readEvents(response.setEncoding('utf8'));
      } catch (cause) {
        throw unreachable(folder, cause);
      } finally {
        response.destroy();
      }
    },
  };
}

/** Root's socket first; who may not use it gets the page's, where that offers the operation. */
async function open<K extends OperationName>(
  folder: string,
  name: K,
  input: Given<K>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  const { input: schema, page } = operations[name];
  const judged = s.judge(schema, input);
  if (!judged.success) {
    const [{ path, message }] = judged.complaints;
    throw new UpdateError('USAGE', `${path.join('.')}: ${message}.`);
  }
  for (const socket of page ? ['control.sock', 'page.sock'] : ['control.sock']) {
    try {
      return await answered(await send(join(folder, socket), name, input, timeoutMs, signal));
    } catch (error) {
      if (error instanceof UpdateError) throw error;
      if (!isDenied(error)) throw unreachable(folder, error);
    }
  }
  throw new UpdateError(
    'NOT_PERMITTED',
    page
      ? `Neither socket in ${folder} lets this user in; root and the group of page.sock may.`
      : `Only root may do this: ${folder}/control.sock does not let this user in.`,
  );
}

function send<K extends OperationName>(
  socketPath: string,
  name: K,
  input: Given<K>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<IncomingMessage> {
  if (Buffer.byteLength(socketPath) > maxSocketPathBytes) {
    const message = `The path of a socket has at most ${maxSocketPathBytes} bytes, ${socketPath} has more: choose a shorter --root.`;
    throw new UpdateError('USAGE', message);
  }
  const { method, path } = operations[name];
  const query = new URLSearchParams(
    Object.entries(input).map(([key, value]): [string, string] => [key, String(value)]),
  );
  const body = method === 'POST' ? JSON.stringify(input) : '';
  const headers =
    method === 'POST' ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {};
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        socketPath,
        method,
        path: method === 'GET' && query.size > 0 ? `${path}?${query}` : path,
        headers,
        agent: false,
        timeout: timeoutMs,
        ...(signal ? { signal } : {}),
      },
      resolve,
    );
    sent.on('timeout', () => sent.destroy(new Error(`no answer for ${timeoutMs / 1000} s`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

async function answered(response: IncomingMessage): Promise<IncomingMessage> {
  if (response.statusCode === 200) return response;
  throw errorFrom(await text(response).then(parsed, () => undefined));
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new UpdateError('INTERNAL', 'The daemon answered with something that is not JSON.', { cause });
  }
}

const isDenied = (error: unknown): boolean =>
  ['EACCES', 'EPERM'].includes(String((error as NodeJS.ErrnoException).code));

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there are none',
  ECONNREFUSED: 'nobody listens',
};

function unreachable(folder: string, cause: unknown): UpdateError {
  if (cause instanceof UpdateError) return cause;
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const reason = reasons[code] ?? message;
  const own = folder === '/run/opq-updater';
  const more = own ? '' : ' A box in a folder is started by "opq-updater scratch-box FOLDER".';
  return new UpdateError('DAEMON_UNREACHABLE', `No answer through the sockets in ${folder}: ${reason}.${more}`, {
    cause,
  });
}
