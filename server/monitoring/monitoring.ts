import { createServer, type RequestListener } from 'node:http';
import { inTime } from '../in-time.ts';
import { open, type RunningServer } from '../listen.ts';
import type { Settings } from '../settings.ts';
import type { Sources } from './look.ts';
import { openMetrics } from './metrics.ts';

/** Prometheus itself waits for 10 s unless told otherwise. */
const patienceMs = 5_000;

/**
 * `/metrics` on an address and port of its own: the numbers are for the operator, while the server is for everybody,
 * and behind a proxy every client has the address of the proxy.
 * @throws UpdateError CONFIG_INVALID when the address or port cannot be had
 */
export function openMonitoring(
  { port, host }: NonNullable<Settings['metrics']>,
  sources: Sources,
  log: (line: string) => void,
): Promise<RunningServer> {
  const metrics = openMetrics(sources);
  let underWay: Promise<string> | undefined;
  /** Of many who ask at once all get the same: nobody makes it work more than one look at a time. */
  const text = () => {
    underWay ??= inTime(metrics.text(), patienceMs).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
  const answer: RequestListener = (req, res) => {
    res.setHeader('Cache-Control', 'no-store');
    if (req.url !== '/metrics') return void res.writeHead(404).end('Resource not found. There is /metrics.\n');
    if (req.method !== 'GET') return void res.writeHead(405, { Allow: 'GET' }).end('Method not allowed.\n');
    text().then(
      (body) => res.writeHead(200, { 'Content-Type': metrics.contentType }).end(body),
      (error: Error) => {
        log(`metrics: ${error.message}`);
        res.writeHead(503).end('The numbers cannot be had at the moment.\n');
      },
    );
  };
  const server = createServer(answer);
  // Many at once, unanswered, would fill the memory.
  server.maxRequestsPerSocket = 20;
  server.on('dropRequest', (_, socket) => socket.destroy());
  return open(server, { port, host });
}
