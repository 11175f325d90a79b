import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Said {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects in it
  readonly body: any;
}

/** One request to a unix socket, as the page's server makes it. */
export function saysToSocket(
  socketPath: string,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: object | Buffer,
): Promise<Said> {
  return new Promise((resolve, reject) => {
    const answered = async (response: IncomingMessage) => {
      const said = await text(response);
      resolve({ status: response.statusCode!, body: said === '' ? null : JSON.parse(said) });
    };
    const sent = request({ socketPath, method, path, agent: false }, (response) => answered(response).catch(reject));
    sent.on('error', reject);
    sent.end(body instanceof Buffer ? body : body && JSON.stringify(body));
  });
}
