/** `npm run test:crash:faults`: puts one fault after the other into the recordings and sees that the proof finds it. */
import { chronicle, type Moment, toldBy } from './chronicle.ts';
import { reasonFor } from './harmless.ts';
import type { Judges } from './judges.ts';
import { type Point, pointsAt, safeAfter } from './modes.ts';
import { type Exhibit, openJudgesFor, recordAll, type Sample, treesOf } from './points.ts';
import { brokenPromise, namedBy } from './promises.ts';
import { type Seed, seedsOf } from './seeds.ts';
import { journalFault, judge } from './verdict.ts';
import { furnish, type Workshop } from './workshop.ts';

export async function proveFaults(workshop: Workshop, { names, every, look }: Sample): Promise<number> {
  const furnished = await furnish(workshop);
  const trees = await treesOf(workshop, furnished);
  const exhibits = await recordAll(workshop, furnished, trees, names);
  const judges = openJudgesFor(workshop, furnished, null);
  let [changes, seeded, caught, explained] = [0, 0, 0, 0];
  const reasons = new Map<string, string[]>();
  for (const exhibit of exhibits) {
    const { recording, scenario } = exhibit;
    const all = seedsOf(recording.ops);
    changes += all.changes;
    const named = namedBy(recording.base, recording.ops);
    const broken = brokenPromise(recording.ops, named);
    if (broken !== undefined) throw new Error(`without any fault: ${broken}`);
    const sample = all.seeds.filter((_, n) => n % every === 0);
    console.log(`${scenario.name}: ${all.changes} syncs and pairs, ${all.seeds.length} make other disks`);
    seeded += sample.length;
    let here = 0;
    for (const [n, seed] of sample.entries()) {
      if (n % 20 === 19) console.log(`  ${n + 1} faults, ${here} caught (${judges.tried} disks)`);
      const promise = brokenPromise(seed.ops, named, seed.safe) !== undefined;
      const reason = promise ? undefined : reasonFor(seed, exhibit);
      if (promise || (reason === undefined && (await isCaught(seed, exhibit, look ? null : judges)))) {
        caught++;
        here++;
        continue;
      }
      if (reason) explained++;
      else {
        const around = recording.ops.slice(Math.max(0, seed.from - 3), seed.from + 2).map(({ note }) => `    ${note}`);
        console.log(`NOT CAUGHT in ${scenario.short} after ${seed.from - 1} operations: ${seed.what}`);
        console.log(around.join('\n'));
      }
      const which = `${scenario.short} after ${seed.from - 1}: ${seed.what}`;
      reasons.set(reason ?? 'no reason', [...(reasons.get(reason ?? 'no reason') ?? []), which]);
    }
    console.log(`${scenario.name}: ${here} of ${sample.length} caught (${judges.tried} disks)`);
  }
  for (const [reason, which] of reasons) console.log(`${which.length} harmless: ${reason}\n  ${which.join('\n  ')}`);
  await judges.close();
  await furnished.close();
  console.log(
    `${changes} syncs and pairs, ${seeded} of which make other disks; ${caught} caught, ${explained} explained`,
  );
  console.log(`${caught + explained} of ${seeded} seeded faults caught or explained`);
  return caught + explained === seeded && explained * 10 <= seeded ? 0 : 1;
}

/** What the proof without faults tries: a disk, and what had been promised by then. */
function baseline({ recording: { base, ops }, moments }: Exhibit): Set<string> {
  const known = new Set<string>();
  const safe = safeAfter(ops);
  for (let done = 0; done <= ops.length; done++) {
    for (const point of pointsAt({ base, ops }, done, safe)) known.add(keyOf(point, moments[done]!));
  }
  return known;
}

const keyOf = ({ digest }: Point, { saved, saving, begun, ended, undoBegun }: Moment): string =>
  [digest, saved?.text, saving?.text, begun, ended, undoBegun].join('|');

/** @param judges null: no box is booted */
async function isCaught(seed: Seed, exhibit: Exhibit, judges: Judges | null): Promise<boolean> {
  const { base } = exhibit.recording;
  const { facts } = exhibit;
  const moments = momentsOf(seed, exhibit);
  const all: { point: Point; moment: Moment }[] = [];
  for (let done = seed.from; done <= seed.until; done++) {
    if (seed.ops[done - 1]!.volatile) continue;
    for (const point of pointsAt({ base, ops: seed.ops }, done, seed.safe)) {
      const moment = moments[done]!;
      if (journalFault(moment, toldBy(point.disk))) return true;
      all.push({ point, moment });
    }
  }
  if (!judges) return false;
  const known = baseline(exhibit);
  const fresh = all.filter(({ point, moment }) => !known.has(keyOf(point, moment)));
  // The worst first: where everything is lost that was not synced, shortly before it is safe after all.
  fresh.sort((a, b) => rank(a.point) - rank(b.point) || b.point.done - a.point.done);
  let found = false;
  const open: Promise<void>[] = [];
  for (const { point, moment } of fresh) {
    if (found) break;
    const nowMs = Number(seed.ops[point.done - 1]!.atNs / 1_000_000n) + 60_000;
    const { report } = await judges.try(point, nowMs);
    open.push(
      report.then((told) => {
        found ||= judge(told, moment, toldBy(point.disk), facts).length > 0;
      }),
    );
  }
  await Promise.all(open);
  return found;
}

const rank = ({ mode }: Point) => (mode.startsWith('nothing') ? 0 : mode.startsWith('of what') ? 1 : 2);

/** What the updater believes does not change by a fault; only between two that changed places it is somewhere new. */
function momentsOf(seed: Seed, { recording: { base }, scenario, moments }: Exhibit): readonly Moment[] {
  if (!seed.swapped) return moments;
  const between = chronicle(base, seed.ops, scenario.undo ?? false)[seed.from]!;
  return moments.map((moment, done) => (done === seed.from ? between : moment));
}
