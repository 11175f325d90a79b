import { execFileSync, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Benchmark, Setting } from './bench.ts';
import { pssMb } from './command.ts';
import { type Finding, ratio } from './finding.ts';
import { inPairs, median, spreadOf } from './pairs.ts';
import { isInstalled } from './peers.ts';

interface Load {
  readonly perS: number;
  readonly p99Ms: number;
}

/** What wrk says of one address under load. */
async function load(url: string, connections: number, seconds: number): Promise<Load> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url];
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  for await (const chunk of child.stdout) said += chunk;
  const perS = Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1]);
  const [, value, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(said) ?? [];
  const scale = { us: 0.001, ms: 1, s: 1000 }[unit ?? ''] ?? Number.NaN;
  if (!(perS > 0) || Number.isNaN(scale) || /Non-2xx/.test(said)) throw new Error(`wrk said of ${url}: ${said}`);
  return { perS, p99Ms: Number(value) * scale };
}

/** The least that Node can do: one answer, made beforehand. */
export const bareServer = `const body = '1700000016';
require('node:http').createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': body.length });
  response.end(body);
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;

export const server: Benchmark = {
  name: 'server',
  quick: true,
  async run(setting) {
    const payload = await setting.payload(17);
    const url = await setting.serve(payload.folder);
    const bare = spawn('node', ['-e', bareServer], { stdio: ['ignore', 'pipe', 'inherit'] });
    const port = await new Promise<string>((resolve) => bare.stdout.once('data', (data) => resolve(`${data}`.trim())));
    try {
      const ours = () => load(`${url}/version`, 64, 2);
      const theirs = () => load(`http://127.0.0.1:${port}/version`, 64, 2);
      // Both serve for months: neither is measured while it is compiled. Short rounds, many: the machine's speed changes.
      await inPairs(1, ours, theirs);
      const found = await inPairs(setting.quick ? 3 : 3 * setting.rounds, ours, theirs);
      const words = {
        what: '`/version`, 64 connections: requests a second',
        against: 'bare Node http',
        target: 0.85,
        atLeast: true,
        unit: '/s',
      };
      return [
        ratio(
          words,
          found.ours.map(({ perS }) => perS),
          found.theirs.map(({ perS }) => perS),
        ),
      ];
    } finally {
      bare.kill();
    }
  },
};

const slowReaders = 200;

/** What a server did beside slow downloads. */
interface Beside {
  readonly mb: number;
  readonly p99Ms: number;
}

export const slowDownloads: Benchmark = {
  name: 'slow-downloads',
  quick: true,
  async run(setting) {
    const payload = await setting.payload(setting.quick ? 85 : 340);
    const url = await setting.serve(payload.folder);
    const nginx = await startNginx(setting, payload.folder);
    const file = `/${payload.file.split('/').at(-1)}`;
    // They serve for months: not measured while they are compiled.
    for (const small of [`${url}/version`, ...(nginx ? [`${nginx.url}/version.json`] : [])]) await load(small, 2, 1);
    const beside = await inPairs(
      setting.quick ? 1 : setting.rounds,
      () => underSlowReaders(url, `/update/${payload.version}`, '/version', () => setting.pidOf(url)),
      async () => nginx && (await underSlowReaders(nginx.url, file, '/version.json', nginx.worker)),
    ).finally(() => nginx?.stop());
    const theirs = beside.theirs.filter((each) => each !== undefined);
    const what = `${slowReaders} slow downloads of ${(payload.packedBytes / 1e6).toFixed(0)} MB`;
    const fixed = (words: string, target: number, unit: string, figureOf: (one: Beside) => number): Finding => ({
      what: `${what}: ${words}`,
      against: 'a fixed limit; nginx beside it',
      ours: `${spreadOf(beside.ours.map(figureOf), 1)} ${unit}`,
      theirs: nginx ? `${spreadOf(theirs.map(figureOf), 1)} ${unit}` : 'nginx is not installed',
      figure: median(beside.ours.map(figureOf)),
      target,
      unit,
    });
    return [
      fixed('memory of the server', 100, 'MB', ({ mb }) => mb),
      fixed('`/version` meanwhile, 99th percentile', 20, 'ms', ({ p99Ms }) => p99Ms),
    ];
  },
};

/** Clients that read 20 kB five times a second each, while another asks for a small file. */
async function underSlowReaders(url: string, large: string, small: string, pid: () => number): Promise<Beside> {
  const { hostname, port } = new URL(url);
  const readers: Socket[] = [];
  // What arrives is for nobody.
  const buffer = Buffer.alloc(20_000);
  for (let n = 0; n < slowReaders; n++) {
    const callback = () => {
      setTimeout(() => socket.resume(), 200);
      return false; // reads no more until then
    };
    const socket = connect({ host: hostname, port: Number(port), onread: { buffer, callback } });
    socket.on('error', () => {});
    socket.write(`GET ${large} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    readers.push(socket);
  }
  await sleep(3000);
  let mb = pssMb(pid());
  const timer = setInterval(() => {
    mb = Math.max(mb, pssMb(pid()));
  }, 200);
  const { p99Ms } = await load(`${url}${small}`, 2, 5);
  clearInterval(timer);
  const lost = readers.filter((socket) => socket.destroyed || socket.bytesRead < 20 * buffer.length).length;
  for (const socket of readers) socket.destroy();
  if (lost > 0) throw new Error(`${lost} of ${slowReaders} slow downloads were broken off or stood still.`);
  return { mb, p99Ms };
}

interface Nginx {
  readonly url: string;
  /** The process that answers. */
  worker(): number;
  stop(): void;
}

/** Undefined: it is not installed. */
async function startNginx(setting: Setting, served: string): Promise<Nginx | undefined> {
  if (!isInstalled('nginx')) return undefined;
  const folder = join(setting.folder, 'nginx');
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; pid ${folder}/pid; error_log ${folder}/error; worker_processes 1; user root;
events { worker_connections 1024; }
http { access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
server { listen 127.0.0.1:${port}; root ${served}; } }\n`,
  );
  const nginx = spawn('nginx', ['-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  await sleep(1000);
  return {
    url: `http://127.0.0.1:${port}`,
    worker: () => Number(execFileSync('pgrep', ['-P', `${nginx.pid}`], { encoding: 'utf8' }).split('\n')[0]),
    stop: () => void nginx.kill('SIGQUIT'),
  };
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const taken = createServer().listen(0, '127.0.0.1', () => {
      const { port } = taken.address() as AddressInfo;
      taken.close(() => resolve(port));
    });
  });
