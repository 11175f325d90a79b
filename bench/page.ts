import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Benchmark, Setting } from './bench.ts';
import { type ScratchBox, startBox } from './box.ts';
import { cpuSecondsOf, pssMb, sumOfFamily } from './command.ts';
import { fixedLimit, ratio } from './finding.ts';
import { inPairs, median, spreadOf } from './pairs.ts';
import type { Payload } from './payload.ts';

const openPages = 50;
/** A session has at most so many event streams. */
const streamsOfASession = 20;

interface Watched {
  /** Of the box without the page's server, from the begin of the update to its end. */
  readonly updateCpuS: number;
  /** Of one core, for the page's server; 0 without one. */
  readonly pagePercent: number;
  readonly pageMb: number;
}

/** What open pages cost, and what they cost the update that they show. */
export const page: Benchmark = {
  name: 'page',
  quick: false,
  async run(setting) {
    const payload = await setting.payload(85);
    const url = await setting.serve(payload.folder);
    const { ours, theirs } = await inPairs(
      Math.max(5, setting.rounds),
      () => anUpdate(setting, payload, url, openPages),
      () => anUpdate(setting, payload, url, 0),
    );
    const cpu = (all: readonly Watched[]) => all.map(({ updateCpuS }) => updateCpuS);
    const percents = ours.map(({ pagePercent }) => pagePercent);
    const megabytes = ours.map(({ pageMb }) => pageMb);
    const during = `${openPages} open pages during an update`;
    return [
      ratio(
        { what: `${during}: CPU of the update`, against: 'without a page', target: 1.1, unit: 's' },
        cpu(ours),
        cpu(theirs),
      ),
      {
        what: `${during}: share of one core that the page's server takes`,
        ...fixedLimit,
        ours: `${spreadOf(percents, 1)} %`,
        figure: median(percents),
        target: 20,
        unit: '%',
      },
      {
        what: `${during}: highest memory (PSS) of the page's server`,
        ...fixedLimit,
        ours: `${spreadOf(megabytes, 0)} MB`,
        figure: Math.max(...megabytes),
        target: 60,
        unit: 'MB',
      },
    ];
  },
};

async function anUpdate(setting: Setting, payload: Payload, url: string, pages: number): Promise<Watched> {
  const box = await startBox(setting, payload, url);
  const server = pages > 0 ? await servePage(setting, box) : undefined;
  try {
    const streams = server ? await open(server.url, box, pages) : [];
    const cpuOfServer = () => (server ? cpuSecondsOf(server.process.pid!) : 0);
    const [updateBefore, pageBefore, began] = [cpuOf(box), cpuOfServer(), performance.now()];
    let pageMb = 0;
    const timer = setInterval(() => {
      if (server) pageMb = Math.max(pageMb, pssMb(server.process.pid!));
    }, 100);
    await box.updater('check', '--install', '--wait');
    clearInterval(timer);
    const wallS = (performance.now() - began) / 1000;
    const told = streams.filter((stream) => stream.events > 0).length;
    if (told !== pages) throw new Error(`${told} of ${pages} pages were told of the update.`);
    return {
      updateCpuS: cpuOf(box) - updateBefore,
      pagePercent: ((cpuOfServer() - pageBefore) / wallS) * 100,
      pageMb,
    };
  } finally {
    if (server) {
      server.process.kill();
      await once(server.process, 'exit');
    }
    await box.stop();
  }
}

/** Of what stands in for systemd, with all that it has started. */
const cpuOf = ({ init }: ScratchBox): number => sumOfFamily(init, cpuSecondsOf);

async function servePage({ repo }: Setting, { root }: ScratchBox): Promise<{ process: ChildProcess; url: URL }> {
  const args = [join(repo, 'systemd/start.sh'), 'ui', '--root', root, '--port', '0', '--host', '127.0.0.1'];
  // As its unit has it.
  const env = { ...process.env, MALLOC_MMAP_THRESHOLD_: '1048576', OPQ_ROOT: root, OPQ_FACTORY: join(repo, 'dist') };
  const child = spawn('sh', args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = await once(child.stdout, 'data');
  return { process: child, url: new URL(/http\S+/.exec(`${said}`)![0]) };
}

/** So many browsers that look. */
async function open(url: URL, box: ScratchBox, pages: number): Promise<readonly { readonly events: number }[]> {
  const { pin } = JSON.parse(await box.updater('page', 'pin', '--json'));
  const password = 'for a while';
  const cookies = [await signIn(url, { pin, new_password: password })];
  while (cookies.length * streamsOfASession < pages) cookies.push(await signIn(url, { password }));
  return Promise.all(
    Array.from({ length: pages }, async (_, n) => {
      const headers = { cookie: cookies[Math.floor(n / streamsOfASession)] };
      const asked = request(new URL('/api/events', url), { headers, agent: false }).end();
      const [response] = await once(asked, 'response');
      if (response.statusCode !== 200) throw new Error(`A page was answered with ${response.statusCode}.`);
      const stream = { events: 0 };
      response.setEncoding('utf8').on('data', (text: string) => {
        stream.events += text.split('\n\n').length - 1;
      });
      response.on('error', () => {}); // the server has gone, at the end
      return stream;
    }),
  );
}

async function signIn(url: URL, wish: object): Promise<string> {
  const headers = { origin: url.origin, 'content-type': 'application/json' };
  const answer = await fetch(new URL('/api/login', url), { method: 'POST', body: JSON.stringify(wish), headers });
  if (answer.status !== 200) throw new Error(`The login was answered with ${answer.status}.`);
  return answer.headers.get('set-cookie')!.split(';')[0]!;
}
