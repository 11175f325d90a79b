import { createTask, parse } from 'node-cron';

/** Every year has a time, but 29 February on a given weekday comes but once in 28 or, over 2100, 40. */
const maxDays = 366 * 41;

/**
 * When an expression of cron is due next, in the time zone of the process.
 *
 * As node-cron finds it, but by what a Date knows of the time zone: node-cron asks Intl, whose data takes 6 MB of the
 * memory of a process that stays. Days such as `L`, `15W` or `1#2`, which are counted from the month, are left to it, from
 * the present moment on.
 * @param expression one that `validate` of node-cron takes
 * @param afterMs wall clock; the time found is later
 * @returns wall clock, ms; Infinity = never
 */
export function nextTime(expression: string, afterMs: number): number {
  const { second, minute, hour, dayOfMonth, month, dayOfWeek } = parse(expression);
  if ([...dayOfMonth, ...dayOfWeek].some((day) => typeof day === 'string')) return byNodeCron(expression);
  const [hours, minutes, seconds] = [inOrder(hour), inOrder(minute), inOrder(second)];
  const after = new Date(afterMs);
  for (let day = 0; day < maxDays; day++) {
    // At noon no clock is put on or back.
    const noon = new Date(after.getFullYear(), after.getMonth(), after.getDate() + day, 12);
    const onThisDay = month.includes(noon.getMonth() + 1) && dayOfMonth.includes(noon.getDate());
    if (!onThisDay || !dayOfWeek.includes(noon.getDay())) continue;
    for (const h of hours) {
      if (day === 0 && h < after.getHours()) continue;
      for (const m of minutes) {
        for (const s of seconds) {
          const time = new Date(noon.getFullYear(), noon.getMonth(), noon.getDate(), h, m, s);
          // In spring there is an hour less: what is due in it waits for the next day.
          if (time.getTime() > afterMs && time.getHours() === h) return time.getTime();
        }
      }
    }
  }
  return Number.POSITIVE_INFINITY;
}

const inOrder = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

function byNodeCron(expression: string): number {
  const task = createTask(expression, () => {});
  const next = task.getNextRuns(1)[0]?.getTime() ?? Number.POSITIVE_INFINITY;
  void task.destroy();
  return next;
}
