import { join } from 'node:path';
import type { DayPoint } from '../protocol/box-views.ts';
import { asUpdateError } from '../protocol/errors.ts';
import * as s from '../protocol/schema.ts';
import { readIfThere, writeFileSafely } from './files.ts';
import type { Resident } from './tools.ts';

/** Temperature and free space over the last day. */
export interface Day {
  readonly points: readonly DayPoint[];
  stop(): void;
}

const everyMs = 10 * 60_000;
const most = 24 * 6;

const schema = s.array(s.object({ at: s.string(), temperature_c: s.nullable(s.number()), free_bytes: s.number() }));

/** Looks now and then every ten minutes. Kept in memory alone: nobody's SD card wears out for a plot. */
export async function watchDay({ box, places, clock, log }: Resident): Promise<Day> {
  const file = join(places.run, 'day.json');
  let points: readonly DayPoint[] = await read(file);

  async function look(): Promise<void> {
    const { temperatureC } = await box.conditions();
    const at = new Date(clock.now()).toISOString();
    const point = { at, temperature_c: temperatureC, free_bytes: await box.freeBytes(places.state) };
    points = [...points, point].slice(-most);
    await writeFileSafely(file, JSON.stringify(points));
  }

  let failed = false;
  const lookAgain = () =>
    look().catch((error) => {
      if (!failed) log.error('temperature and disk are not noted', asUpdateError(error));
      failed = true;
    });
  await lookAgain();
  const timer = setInterval(lookAgain, everyMs).unref();
  return {
    get points() {
      return points;
    },
    stop: () => clearInterval(timer),
  };
}

async function read(file: string): Promise<readonly DayPoint[]> {
  try {
    return s.parse(schema, JSON.parse((await readIfThere(file)) ?? '[]'));
  } catch {
    return []; // another version's: a plot may begin anew
  }
}
