import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';
import type { ScriptRequest, scriptRunner } from './script.ts';
import type { supervise } from './services.ts';
import { systemctl } from './systemctl.ts';

export interface InitParts {
  readonly services: ReturnType<typeof supervise>;
  readonly script: ReturnType<typeof scriptRunner>;
  readonly root: string;
  reboot(): void;
}

/** `init.sock` of a scratch box: what systemctl and systemd-run are on a real one. */
export function initServer(parts: InitParts) {
  let server: Server | undefined;
  return {
    listen(path: string): Promise<void> {
      const opened = createServer((request, response) => {
        answer(parts, request, response).catch((error: Error) => {
          if (!response.headersSent) response.writeHead(500);
          response.end(error.message);
        });
      });
      // A script may be silent for as long as it likes.
      opened.requestTimeout = opened.headersTimeout = 0;
      server = opened;
      return new Promise((resolve, reject) => opened.once('error', reject).listen(path, resolve));
    },
    close(): Promise<void> {
      server?.closeAllConnections();
      return new Promise((resolve) => (server ? server.close(() => resolve()) : resolve()));
    },
  };
}

async function answer(parts: InitParts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const input = request.method === 'POST' ? await json(request) : undefined;
  switch (request.url) {
    case '/state':
      return reply(response, await parts.services.state((input as { name: string }).name));
    case '/systemctl':
      return reply(response, await systemctl(parts, (input as { args: string[] }).args));
    case '/script/kill':
      await parts.script.kill();
      return reply(response, {});
    case '/script/run': {
      response.writeHead(200);
      const line = (value: object) => response.write(`${JSON.stringify(value)}\n`);
      line(await parts.script.run(input as ScriptRequest, (text) => line({ text })));
      response.end();
      return;
    }
    default:
      response.writeHead(404).end();
  }
}

const reply = (response: ServerResponse, value: object) => {
  response.end(JSON.stringify(value));
};
