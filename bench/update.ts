import { join } from 'node:path';
import startProgram from '../systemd/start.sh';
import type { Benchmark, Setting } from './bench.ts';
import { type Cost, costOf, ownNode, peakOf } from './command.ts';
import { type Finding, fixedLimit, ratio } from './finding.ts';
import { inPairs, median } from './pairs.ts';
import type { Payload } from './payload.ts';

const megabytes = 85;
const walls = (costs: readonly Cost[]) => costs.map(({ wallS }) => wallS);
const cpus = (costs: readonly Cost[]) => costs.map(({ cpuS }) => cpuS);

let rounds = 0;

/**
 * A place for one round. What earlier ones made stays until the whole run is through: to remove it takes time and memory,
 * and ext4 is slow to create files where many were just removed.
 */
const fresh = (folder: string) => join(folder, `round-${++rounds}`);

/** The updater's way to an unpacked release; see pipeline.ts. */
export function ourWay({ repo, folder }: Setting, payload: Payload, from: string, decoder: string): string {
  const program = join(import.meta.dirname, 'pipeline.mjs');
  const bundle = join(repo, 'dist/opq-updater.js');
  const into = fresh(folder);
  // As the daemon is started, in whose place it stands.
  const [, environment] = /export (MALLOC.*)/.exec(startProgram)!;
  return `${environment} node ${program} ${bundle} ${into} ${payload.version} ${payload.publicKey} ${from} ${decoder}`;
}

/** What a careful shell script would do, as the updater of old did without the care. */
function scriptsWay({ folder }: Setting, { version, publicKey }: Payload, url: string): string {
  const into = fresh(folder);
  return `mkdir ${into}; cd ${into}
wget --quiet ${url}/update/${version} -O package
wget --quiet ${url}/update/${version}.sig -O - | base64 -d >signature
openssl dgst -sha256 -verify ${publicKey} -signature signature package
tar xjf package`;
}

export const pipeline: Benchmark = {
  name: 'pipeline',
  quick: true,
  async run(setting) {
    const payload = await setting.payload(megabytes);
    const url = await setting.serve(payload.folder);
    const against = '`wget`, `openssl dgst -verify`, `tar xjf`';
    const findings = [];
    for (const [decoder, target] of [
      ['lbzip2', 0.85],
      ['bzip2', 1.1],
    ] as const) {
      const { ours, theirs } = await inPairs(
        setting.rounds,
        () => costOf(ourWay(setting, payload, url, decoder)),
        () => costOf(scriptsWay(setting, payload, url)),
      );
      const what = `download, verify, judge, unpack with ${decoder}`;
      findings.push(ratio({ what: `${what}: time`, against, target, unit: 's' }, walls(ours), walls(theirs)));
      findings.push(ratio({ what: `${what}: CPU`, against, target: 1.25, unit: 's' }, cpus(ours), cpus(theirs)));
    }
    return findings;
  },
};

/** The resident daemon is not in this: see `daemon`, which adds it. */
export const memory: Benchmark = {
  name: 'memory',
  quick: true,
  async run(setting) {
    const path = `PATH=${await ownNode(join(setting.folder, 'node'))}:$PATH`;
    const peaks: number[] = [];
    const sizes = setting.quick ? [megabytes] : [megabytes, 1020];
    for (const size of sizes) {
      const payload = await setting.payload(size);
      const url = await setting.serve(payload.folder);
      // Of a few: the sampling may just miss it.
      const found = [];
      for (let n = 0; n < 3; n++) found.push(await peakOf(`${path}; ${ourWay(setting, payload, url, 'bzip2')}`));
      peaks.push(Math.max(...found));
    }
    const [peak, large] = peaks as [number, number?];
    const what = 'highest memory of all processes of an update, with bzip2';
    const tell = { what, ...fixedLimit };
    const flat = `${what}, of a package of about 300 MB`;
    return [
      { ...tell, ours: `${peak.toFixed(0)} MB`, figure: peak, target: 80, unit: 'MB' },
      ...(large === undefined
        ? []
        : [
            {
              what: flat,
              against: 'of 26 MB',
              ours: `${large.toFixed(0)} MB`,
              theirs: `${peak.toFixed(0)} MB`,
              figure: large / peak,
              target: 1.1,
              unit: '',
            },
          ]),
    ];
  },
};

export const sizes: Benchmark = {
  name: 'sizes',
  quick: false,
  async run(setting) {
    const found: { readonly mb: number; readonly wallS: number }[] = [];
    for (const size of [17, 170, 1020]) {
      const payload = await setting.payload(size);
      const url = await setting.serve(payload.folder);
      const costs: Cost[] = [];
      for (let n = 0; n < Math.min(3, setting.rounds); n++) {
        costs.push(await costOf(ourWay(setting, payload, url, 'bzip2')));
      }
      found.push({ mb: payload.packedBytes / 1e6, wallS: median(walls(costs)) });
    }
    const flat = (what: string, perMb: readonly number[]): Finding => ({
      what: `${what}: the dearest against the cheapest`,
      against: 'each other',
      ours: `${perMb.map((each) => each.toFixed(3)).join(', ')} s/MB`,
      theirs: '',
      figure: Math.max(...perMb) / Math.min(...perMb),
      target: 1.2,
      unit: '',
    });
    const further = found.slice(1).map(({ mb, wallS }, n) => (wallS - found[n]!.wallS) / (mb - found[n]!.mb));
    return [
      flat(
        'time per MB at about 5, 50 and 300 MB',
        found.map(({ mb, wallS }) => wallS / mb),
      ),
      // Without what every update takes once, such as the start of its process.
      flat('time per further MB, from 5 to 50 and from 50 to 300 MB', further),
    ];
  },
};
