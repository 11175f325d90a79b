import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { checkServerIdentity } from 'node:tls';
import type { Agents, HttpsOptions, OptionsInit, Response } from 'got';
import { type Login, shownUrl } from '../../protocol/address.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { quote } from '../../protocol/version.ts';

/** How servers are reached: from the configuration. */
export interface Network {
  /** PEM file of the authorities for https, in place of the built-in ones. */
  readonly caPath: string | null;
  readonly proxyUrl: string | null;
  readonly userAgent: string;
  readonly login?: Login | undefined;
  /** An answer whose headers are not whole after this is none, ms; half a minute by default. */
  readonly silenceMs?: number;
}

export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  /** The body; leaving the loop ends the answer. @throws UpdateError as `get` does, and what `end` was given */
  chunks(): AsyncGenerator<Buffer>;
  /** Must be called, if only after the last chunk. */
  end(because?: UpdateError): void;
}

const silenceOf = ({ silenceMs = 30_000 }: Network) => silenceMs;

/**
 * One GET, or a POST of `json`, with nothing clever about it: no redirects, no decoding, no retries, no cookies, no kept
 * connections.
 * @throws UpdateError SERVER_UNREACHABLE, TLS_FAILED, SERVER_ERROR (encoded answer), NOT_OUR_SERVER (redirect)
 */
export async function get(
  url: string,
  network: Network,
  headers: Record<string, string> = {},
  json?: string,
): Promise<Answer> {
  const { default: got } = await import('got');
  const stream = got.stream(url, {
    ...(json === undefined ? {} : { method: 'POST', body: json }),
    headers: { 'user-agent': network.userAgent, 'accept-encoding': 'identity', ...loginFor(url, network), ...headers },
    followRedirect: false,
    decompress: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    https: await trustFor(url, network),
    agent: await agentsFor(network),
  } satisfies OptionsInit);
  // Of our own, as got's time-outs begin with a socket, and a silent proxy never hands one over.
  const silence = new UpdateError('SERVER_UNREACHABLE', `${url} does not answer within ${silenceOf(network)} ms.`);
  const timer = setTimeout(() => stream.destroy(silence), silenceOf(network));
  try {
    const response = await new Promise<Response>((resolve, reject) => {
      stream.once('response', resolve);
      stream.once('error', reject);
    });
    // Without a listener of its own an error between two reads would end the process.
    stream.on('error', () => {});
    judge(response, url);
    return {
      status: response.statusCode,
      header: (name) => [response.headers[name]].flat()[0],
      async *chunks() {
        try {
          yield* stream as AsyncIterable<Buffer>;
        } catch (error) {
          // got drops what came right before a cut; on a bad network that may be all there was.
          for (const source of [stream, response]) {
            for (let rest: Buffer | null = source.read(); rest !== null; rest = source.read()) yield rest;
          }
          throw asNetworkError(error, url);
        }
      },
      end: (because) => void stream.destroy(because),
    };
  } catch (error) {
    stream.destroy();
    throw asNetworkError(error, url);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A small file in memory, or undefined for 404.
 * @param maxBytes one byte more is SIZE_MISMATCH
 * @throws UpdateError as `get` does, STALLED, SIZE_MISMATCH
 */
export async function getSmall(url: string, network: Network, maxBytes: number): Promise<Buffer | undefined> {
  const answer = await get(url, network);
  try {
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw unexpectedStatus(answer.status, url);
    return await smallBody(answer, url, network, maxBytes);
  } finally {
    answer.end();
  }
}

/** The body of an answer, in memory. @throws UpdateError as `getSmall` does */
export async function smallBody(answer: Answer, url: string, network: Network, maxBytes: number): Promise<Buffer> {
  // A trickle that never ends has no other limit than this one.
  const stalled = new UpdateError('STALLED', `${url} is too slow: a small file should be here in a minute.`);
  const timer = setTimeout(() => answer.end(stalled), 2 * silenceOf(network));
  try {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer.chunks()) {
      size += chunk.length;
      if (size > maxBytes) throw new UpdateError('SIZE_MISMATCH', `${url} is longer than ${maxBytes} bytes.`);
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    // It would be quoted in a message.
    if (network.login && body.includes(network.login.basic)) {
      throw new UpdateError('NOT_OUR_SERVER', `${url} answers with the password that it was given.`);
    }
    return body;
  } finally {
    clearTimeout(timer);
  }
}

export function unexpectedStatus(status: number, url: string): UpdateError {
  if (status === 511)
    return new UpdateError('NOT_OUR_SERVER', `The network wants a log-in before it lets ${url} through.`);
  return new UpdateError('SERVER_ERROR', `Expected 200 from ${url}, found ${status}.`);
}

/** What got throws, by what a person can do about it. What we destroyed a stream with comes back as its cause. */
function asNetworkError(error: unknown, url: string): UpdateError {
  if (error instanceof UpdateError) return error;
  const { code = '', message, cause } = error as NodeJS.ErrnoException;
  if (cause instanceof UpdateError) return cause;
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO|EPROTO|ISSUER/.test(code)) {
    return new UpdateError('TLS_FAILED', `The certificate of ${url} does not hold: ${message}.`, { cause: error });
  }
  return new UpdateError('SERVER_UNREACHABLE', `${url} cannot be reached: ${message || code}.`, { cause: error });
}

function judge({ statusCode, headers }: Response, url: string): void {
  if (statusCode >= 300 && statusCode < 400 && statusCode !== 304) {
    const to = quote(shownUrl(headers.location ?? 'nowhere'), 200);
    throw new UpdateError('NOT_OUR_SERVER', `${url} sends us on to ${to}; redirects are not followed.`);
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    throw new UpdateError('SERVER_ERROR', `Expected plain bytes from ${url}, found encoding ${quote(encoding)}.`);
  }
}

/** Name and password, for the server that they are meant for and no other. */
const loginFor = (url: string, { login }: Network): Record<string, string> =>
  login && new URL(url).origin === login.origin ? { authorization: `Basic ${login.basic}` } : {};

/** Which certificates hold; nothing is left to defaults, which follow the environment and the proxy. */
async function trustFor(url: string, { caPath }: Network): Promise<HttpsOptions> {
  const { protocol, hostname } = new URL(url);
  const strict: HttpsOptions = {
    // No environment may switch it off.
    rejectUnauthorized: true,
    // Otherwise the certificate of a server with an IP address behind a proxy must be one for "localhost".
    checkServerIdentity: (_, certificate) => checkServerIdentity(hostname.replace(/^\[|\]$/g, ''), certificate),
  };
  if (caPath === null || protocol !== 'https:') return strict;
  try {
    return { ...strict, certificateAuthority: await readFile(caPath, 'utf8') };
  } catch (cause) {
    const { message } = cause as Error;
    throw new UpdateError('TLS_FAILED', `server_ca_path ${caPath} cannot be read: ${message}.`, { cause });
  }
}

async function agentsFor({ proxyUrl }: Network): Promise<Agents> {
  // Not Node's own agents, which keep connections: on a bad network a kept one is often dead when it is needed.
  if (proxyUrl === null) return { http: new HttpAgent(), https: new HttpsAgent() };
  const [{ HttpProxyAgent }, { HttpsProxyAgent }] = await Promise.all([
    import('http-proxy-agent'),
    import('https-proxy-agent'),
  ]);
  return { http: new HttpProxyAgent(proxyUrl), https: new HttpsProxyAgent(proxyUrl) } as Agents;
}
