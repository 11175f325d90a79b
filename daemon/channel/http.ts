import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Agents, OptionsInit, RequestError, Response } from 'got';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { quote } from '../../protocol/version.ts';

/** How servers are reached: from the configuration. */
export interface Network {
  /** PEM file of the authorities for https, in place of the built-in ones. */
  readonly caPath: string | null;
  readonly proxyUrl: string | null;
  readonly userAgent: string;
}

export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  /** Must be read to its end or destroyed. */
  readonly body: Readable;
}

/** Silence longer than this at the start of an answer is no answer. */
const responseTimeoutMs = 30_000;

/**
 * One GET, with nothing clever about it: no redirects, no decoding, no retries, no cookies.
 * @throws UpdateError SERVER_UNREACHABLE, TLS_FAILED, SERVER_ERROR (redirect or encoded answer), NOT_OUR_SERVER
 */
export async function get(
  url: string,
  network: Network,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Answer> {
  const { default: got } = await import('got');
  const agents = await proxyAgents(network.proxyUrl);
  const stream = got.stream(url, {
    headers: { 'user-agent': network.userAgent, 'accept-encoding': 'identity', ...headers },
    followRedirect: false,
    decompress: false,
    throwHttpErrors: false,
    retry: { limit: 0 },
    timeout: { lookup: 15_000, connect: 15_000, secureConnect: 15_000, response: responseTimeoutMs },
    ...(network.caPath ? { https: { certificateAuthority: await readFile(network.caPath, 'utf8') } } : {}),
    ...(agents ? { agent: agents } : {}),
    ...(signal ? { signal } : {}),
  } satisfies OptionsInit);
  const response = await new Promise<Response>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', (error: RequestError) => reject(asNetworkError(error, url)));
  });
  // Without a listener of its own an error between two reads would end the process.
  stream.on('error', () => {});
  try {
    judge(response, url);
  } catch (error) {
    stream.destroy();
    throw error;
  }
  return {
    status: response.statusCode,
    header: (name) => [response.headers[name]].flat()[0],
    body: stream,
  };
}

/**
 * A small file in memory, or undefined for 404.
 * @param maxBytes one byte more is SIZE_MISMATCH
 */
export async function getSmall(url: string, network: Network, maxBytes: number): Promise<Buffer | undefined> {
  // A trickle that never ends has no other limit than this one.
  const deadline = AbortSignal.timeout(60_000);
  const { status, body } = await get(url, network, {}, deadline);
  if (status !== 200) {
    body.destroy();
    if (status === 404) return undefined;
    throw unexpectedStatus(status, url);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw new UpdateError('SIZE_MISMATCH', `${url} is longer than ${maxBytes} bytes.`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw asNetworkError(error, url);
  }
  return Buffer.concat(chunks);
}

export function unexpectedStatus(status: number, url: string): UpdateError {
  if (status === 511)
    return new UpdateError('NOT_OUR_SERVER', `The network wants a log-in before it lets ${url} through.`);
  return new UpdateError('SERVER_ERROR', `Expected 200 from ${url}, found ${status}.`);
}

/** Errors of the network by what a person can do about them; an UpdateError passes through. */
export function asNetworkError(error: unknown, url: string): UpdateError {
  const own = asUpdateError(error);
  if (own.code !== 'INTERNAL') return own;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO|EPROTO|ISSUER/.test(code) && code !== 'ERR_TLS_HANDSHAKE_TIMEOUT') {
    return new UpdateError('TLS_FAILED', `The certificate of ${url} does not hold: ${message}.`, { cause: error });
  }
  return new UpdateError('SERVER_UNREACHABLE', `${url} cannot be reached: ${message || code}.`, { cause: error });
}

function judge({ statusCode, headers }: Response, url: string): void {
  if (statusCode >= 300 && statusCode < 400 && statusCode !== 304) {
    const to = quote(String(headers.location ?? 'nowhere'), 200);
    throw new UpdateError('NOT_OUR_SERVER', `${url} sends us on to ${to}; redirects are not followed.`);
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') {
    throw new UpdateError('SERVER_ERROR', `Expected plain bytes from ${url}, found encoding ${quote(encoding)}.`);
  }
}

async function proxyAgents(proxyUrl: string | null): Promise<Agents | undefined> {
  if (proxyUrl === null) return undefined;
  const [{ HttpProxyAgent }, { HttpsProxyAgent }] = await Promise.all([
    import('http-proxy-agent'),
    import('https-proxy-agent'),
  ]);
  return { http: new HttpProxyAgent(proxyUrl), https: new HttpsProxyAgent(proxyUrl) } as Agents;
}
