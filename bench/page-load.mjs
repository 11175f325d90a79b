// What open pages cost: node bench/page-load.mjs [PAGES] [SECONDS], after npm run build. Prints one JSON line: share of
// one core and memory (PSS) of the page's server, first with one page open, then with all, while its daemon says as much
// as the real one ever does in an update: five statuses of 10 kB and ten lines a second.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const [pages = 50, seconds = 60] = process.argv.slice(2).map(Number);
const dist = (name) => fileURLToPath(new URL(`../dist/${name}`, import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'opq-bench-'));
mkdirSync(join(root, 'run/opq-updater'), { recursive: true });
mkdirSync(join(root, 'page'));
writeFileSync(join(root, 'page/index.html'), '<!doctype html>');
let server;
try {
  await playDaemon(join(root, 'run/opq-updater/page.sock'));
  const args = ['--root', root, '--port', '0', '--host', '127.0.0.1', '--page', join(root, 'page')];
  // As its unit has it.
  const env = { ...process.env, MALLOC_MMAP_THRESHOLD_: '1048576' };
  server = spawn(process.execPath, [dist('opq-updater-ui.js'), ...args], { env });
  const [said] = await once(server.stdout, 'data');
  const url = new URL(/http\S+/.exec(said)[0]);
  const cookies = [await signIn(url)];
  const before = memoryMb();
  const alone = await measure(url, cookies, 1);
  // A session has at most 20 streams.
  while (cookies.length * 20 < pages) cookies.push(await signIn(url, cookies.length));
  const all = await measure(url, cookies, pages);
  console.log(JSON.stringify({ pages, seconds, before_mb: before, alone, all }));
} finally {
  server?.kill();
  await (server && once(server, 'exit'));
  rmSync(root, { recursive: true, force: true });
  process.exit();
}

/** Opens so many pages, and looks at the server while they are told what happens. */
async function measure(url, cookies, count) {
  let events = 0;
  const open = Array.from({ length: count }, (_, n) => {
    const headers = { cookie: cookies[Math.floor(n / 20)] };
    const sent = request(new URL('/api/events', url), { headers, agent: false }, (response) => {
      if (response.statusCode !== 200) throw new Error(`A page was answered with ${response.statusCode}.`);
      response.setEncoding('utf8').on('data', (text) => {
        events += text.split('\n\n').length - 1;
      });
      response.on('error', () => {});
    });
    sent.on('error', () => {});
    sent.end();
    return sent;
  });
  await sleep(3000);
  const [cpuBefore, began] = [cpuS(), performance.now()];
  events = 0;
  let peakMb = 0;
  for (let n = 0; n < seconds; n++) {
    await sleep(1000);
    peakMb = Math.max(peakMb, memoryMb());
  }
  const wallS = (performance.now() - began) / 1000;
  const share = Math.round(((cpuS() - cpuBefore) / wallS) * 1000) / 10;
  for (const one of open) one.destroy();
  return { pages: count, core_percent: share, peak_mb: peakMb, events_per_s: Math.round(events / wallS) };
}

function cpuS() {
  const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memoryMb() {
  const [, kb] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${server.pid}/smaps_rollup`, 'utf8'));
  return Math.round(kb / 1024);
}

async function signIn(url, n = 0) {
  const pin = () =>
    JSON.parse(execFileSync(process.execPath, [dist('opq-updater.js'), 'page', 'pin', '--root', root, '--json'])).pin;
  const password = 'for a while';
  const body = JSON.stringify(n === 0 ? { pin: pin(), new_password: password } : { password });
  const headers = { origin: url.origin, 'content-type': 'application/json' };
  const response = await fetch(new URL('/api/login', url), { method: 'POST', body, headers });
  if (response.status !== 200) throw new Error(`The login was answered with ${response.status}.`);
  return response.headers.get('set-cookie').split(';')[0];
}

/** A daemon that talks. */
async function playDaemon(path) {
  const status = { seq: 0, state: 'install', filling: 'x'.repeat(10_000) };
  const line = { at: '2026-03-01T10:00:00.000Z', level: 'info', text: 'install_update.sh: a line of usual length' };
  const daemon = createServer((asked, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const isLog = asked.url.startsWith('/log');
    const [name, data, everyMs] = isLog ? ['log', line, 100] : ['status', status, 200];
    const timer = setInterval(() => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`), everyMs);
    response.once('close', () => clearInterval(timer));
  });
  daemon.listen(path);
  await once(daemon, 'listening');
}
