import { UpdateError } from '../../protocol/errors.ts';
import { rehearse } from './rehearsal/prepare.ts';
import { type Command, type CrashTested, placeOf, type Stop } from './rehearsal/rehearsal.ts';
import { objections } from './rehearsal/verdict.ts';
import { printable, table } from './text.ts';
import { verb } from './verb.ts';

/** What the whole family of "a box would put it back" ends with. */
const unsafeExit = 6;
const mostStops = 1000;

export const crashtest = verb({
  summary: 'cut the power at each command of install_update.sh, and see whether the box is whole again',
  operands: ['PACKAGE'],
  options: {
    root: { type: 'string', value: 'DIR', help: 'tree of a box (default: a minimal one)' },
    'max-stops': { type: 'string', value: 'N', help: 'stop it so many times at most, evenly spread (default: 200)' },
  },
  details: `Runs install_update.sh in a scratch box and kills it, as a power cut does, before each of its commands and after
the last. From what is then there the box is undone, which has to make it what it was; and, apart
from that, the script is run again to its end, which has to make it what an uninterrupted run does.
Also told: what is written outside of what a box lets a script write, and calls that a box answers
otherwise. Exit code 6 when anything of this is unsafe. A signature is not needed.`,
  examples: [
    ['opq-release crashtest opq-box-update-1550190683.tar.bz2', 'is this script safe to be cut off?'],
    ['opq-release crashtest opq-box-update-1550190683.tar.bz2 --root box --json', 'on a box like this copy, each stop'],
  ],

  async run({ PACKAGE: path, root, 'max-stops': stopsText = '200' }, { program }) {
    const maxStops = stopsFrom(stopsText);
    const began = performance.now();
    const { result, request } = await rehearse<CrashTested>(path, root, { task: 'crashtest', maxStops, program });
    const { whole, commands, stops, states, varying } = result;
    const unsafe = findings(result);
    const refused = objections(whole, request, commands.length);
    const points = commands.length + 1;
    const cut = stops.length < points ? `; of ${points} points, as --max-stops is ${maxStops}` : '';
    const safe = unsafe.length === 0 && refused.length === 0;
    return {
      text: table([
        ['package', path],
        ['stopped', `${stops.length} times in ${commands.length} commands, ${states} states of the disk${cut}`],
        ['took', `${((performance.now() - began) / 1000).toFixed(1)} s`],
        ...unsafe.map((one) => ['UNSAFE', printable(findingText(one, commands))] as const),
        ...refused.map(({ code, why }) => ['REFUSED', printable(`${code} ${why}`)] as const),
        ['not compared', printable(varying.join('\n'))],
        ['verdict', safe ? 'safe: cut off anywhere, the box is whole again' : 'not safe'],
      ]),
      json: {
        package: path,
        root: root ?? null,
        version: request.version,
        safe,
        points,
        stops: stops.map((stop) => ({ ...stepJson(stop, commands), not_undone: stop.notUndone, again: stop.again })),
        unsafe: unsafe.map(({ first, last, kind, what }) => ({
          after: stepJson({ step: first - 1 }, commands),
          stopped_before: [first, last],
          kind,
          what,
        })),
        refused: refused.map(({ code, why }) => ({ code, message: why })),
        varying,
      },
      exit: safe ? 0 : unsafeExit,
    };
  },
});

function stopsFrom(text: string): number {
  const stops = Number(text);
  if (/^\d{1,4}$/.test(text) && stops >= 1 && stops <= mostStops) return stops;
  throw new UpdateError('USAGE', `--max-stops is a number from 1 to ${mostStops}, found "${text}".`);
}

interface Finding {
  readonly kind: 'not undone' | 'not repeatable';
  readonly what: readonly string[];
  /** Stops in a row that find the same, by the number of the command that comes next. */
  readonly first: number;
  readonly last: number;
}

/** One entry for what the same stops in a row find. */
function findings({ stops }: CrashTested): Finding[] {
  let open = new Map<string, Finding>();
  const closed: Finding[] = [];
  for (const { step, notUndone, again } of stops) {
    const now = [
      ...notUndone.map((what) => ({ kind: 'not undone', what }) as const),
      ...(again === null ? [] : [{ kind: 'not repeatable', what: again } as const]),
    ];
    const going = new Map(
      now.map(({ kind, what }) => {
        const key = `${kind} ${what}`;
        return [key, { kind, what: [what], first: open.get(key)?.first ?? step, last: step }];
      }),
    );
    closed.push(...[...open].flatMap(([key, finding]) => (going.has(key) ? [] : [finding])));
    open = going;
  }
  const together = new Map<string, Finding>();
  for (const one of [...closed, ...open.values()].sort((a, b) => a.first - b.first)) {
    const key = [one.kind, one.first, one.last].join(' ');
    together.set(key, { ...one, what: [...(together.get(key)?.what ?? []), ...one.what] });
  }
  return [...together.values()];
}

function findingText({ kind, what, first, last }: Finding, commands: readonly Command[]): string {
  const until = last > commands.length ? 'its end' : where(last, commands);
  const words = {
    'not undone': 'these are not put back by an undo',
    'not repeatable': 'the script run again does not come out the same',
  };
  return `after ${where(first - 1, commands)}, until ${until}: ${words[kind]}\n${what.join('\n')}`;
}

function where(step: number, commands: readonly Command[]): string {
  const command = commands[step - 1];
  if (command === undefined) return 'its start';
  return placeOf(command, step);
}

/** The command by its number: null = before the first, or after the last. */
function stepJson({ step }: Pick<Stop, 'step'>, commands: readonly Command[]) {
  const command = commands[step - 1];
  return { step, line: command?.line ?? null, file: command?.file ?? null, command: command?.text ?? null };
}
