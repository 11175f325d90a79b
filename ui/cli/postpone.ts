import { UpdateError } from '../../protocol/errors.ts';
import { longestPostponementS } from '../../protocol/operations.ts';
import { quote } from '../../protocol/version.ts';
import { durationText } from '../../protocol/words.ts';
import { type Call, textOf } from './arguments.ts';
import { timeText } from './text.ts';

/** Holds automatic updates back for a while, or ends that. */
export async function postpone(call: Call): Promise<number> {
  const { screen, daemon, positionals, values } = call;
  const [time] = positionals;
  const end = values.end === true;
  if (end === (time !== undefined)) throw new UpdateError('USAGE', 'postpone: give a TIME such as 2h, or --end.');
  const reason = textOf(call, 'reason') ?? '';
  const answer = await daemon.ask('postpone', { for_s: time === undefined ? 0 : secondsOf(time), reason });
  if (screen.json) screen.document(answer);
  else if (answer.postponed === null) screen.line('Updates are not postponed.');
  else screen.line(`No automatic update until ${timeText(answer.postponed.until)}. A person may install all the same.`);
  return 0;
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400 };

function secondsOf(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([a-z]+)$/.exec(text) ?? [];
  const seconds = Number(count) * (Object.hasOwn(units, unit) ? units[unit]! : Number.NaN);
  if (seconds > 0 && seconds <= longestPostponementS) return seconds;
  const longest = durationText(longestPostponementS);
  throw new UpdateError(
    'USAGE',
    `postpone takes a time such as 30min, 2h or 3d, ${longest} at most, found ${quote(text)}.`,
  );
}
