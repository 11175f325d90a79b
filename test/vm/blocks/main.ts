import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writePrograms } from '../../crash/workshop.ts';
import { openBench } from '../bench.ts';
import { openPublisher } from '../publisher.ts';
import { factory } from '../release.ts';
import type { Result } from '../results.ts';
import { bootThem, chooseBoots } from './boots.ts';
import { readLog } from './log.ts';
import { pageOf, verdictOf } from './page.ts';
import { choosePoints } from './points.ts';
import { recordingOf } from './recording.ts';
import { bad, good, next, wholeOf } from './releases.ts';
import { type Plan, replay } from './replay.ts';

process.exitCode = await main(process.argv.slice(2));

/** @param args the checkout and the cache, as run.sh found them, then what a person typed */
async function main([repo = '', cache = '', ...typed]: string[]): Promise<number> {
  const began = performance.now();
  const say = (text: string) => console.log(`[${Math.round((performance.now() - began) / 1000)} s] ${text}`);
  const { values } = parseArgs({
    args: typed,
    options: {
      disks: { type: 'string', default: '100' },
      boots: { type: 'string', default: '5' },
      seed: { type: 'string', default: 'one' },
      again: { type: 'boolean', default: false },
      table: { type: 'string' },
    },
  });
  const bench = await openBench(repo, cache, say);
  const folder = join(cache, 'blocks');
  const recording = await recordingOf(bench, folder, values.again);
  const image = await bench.box();
  const entries = readLog(recording.log);
  const points = choosePoints(entries, recording.marks, Number(values.disks), values.seed);
  const old = { version: factory.version, tree: image.tree };
  const disks = placeForDisks(folder);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  process.once('exit', () => rmSync(disks, { recursive: true, force: true }));
  const publisher = await openPublisher(folder, bench.programs, image.keys);
  try {
    const [bin, quickBin] = [join(folder, 'bin'), join(folder, 'quick-bin')];
    writePrograms({ bin, quickBin });
    process.env.PATH = `${quickBin}:${process.env.PATH}`;
    const plan: Plan = {
      base: image.disk,
      ...{ entries, recording, disks, folder, say },
      wholes: [old, ...[bad, good, next].map((release) => wholeOf(old, release))],
      mountPoint: join(folder, 'mounted'),
      surroundings: {
        bin,
        guard: join(repo, 'systemd/guard.sh'),
        server: `http://127.0.0.1:${publisher.server.port}`,
        next: await publisher.stick(next),
      },
    };
    const replayed = await replay(plan, points);
    const booted: Result[] = [];
    const table = values.table === undefined ? join(folder, 'table.md') : resolve(values.table);
    const page = pageOf(typed, entries);
    // A boot takes minutes: what is known is kept.
    writeFileSync(table, page(replayed, booted));
    await bootThem(bench, image, plan, chooseBoots(replayed, Number(values.boots)), (result) => {
      booted.push(result);
      writeFileSync(table, page(replayed, booted));
    });
    console.log(`The table is in ${table}`);
    console.log(verdictOf(replayed, booted));
    const lost = replayed.some(({ wrong }) => wrong.length > 0) || booted.some(({ passed }) => !passed);
    return lost ? 1 : 0;
  } finally {
    await publisher.close();
  }
}

/** In memory where there is room for two disks, as each is copied a hundred times. */
function placeForDisks(folder: string): string {
  const memory = '/dev/shm';
  if (existsSync(memory)) {
    const { bavail, bsize } = statfsSync(memory);
    if (bavail * bsize > 6 * 2 ** 30) return mkdtempSync(join(memory, 'opq-blocks-'));
  }
  mkdirSync(join(folder, 'disks'), { recursive: true });
  return join(folder, 'disks');
}
