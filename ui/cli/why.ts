import type { Gate } from '../../protocol/views.ts';
import type { Call } from './arguments.ts';
import { type Style, styled } from './screen.ts';
import { durationText, timeText } from './text.ts';

/** Every condition that may hold updates back, with what it found and what it needs; the closed ones say why. */
export async function why({ screen, daemon }: Call): Promise<number> {
  const gates = await daemon.ask('gates', {});
  if (screen.json) {
    screen.document(gates);
    return 0;
  }
  const now = Date.now();
  const wide = Math.max(...gates.map(({ value }) => value.length)) + 2;
  for (const gate of gates) {
    const { name, value, limit, fault, since, until } = gate;
    const [word, style] = wordOf(gate);
    screen.line(styled(style, word.padEnd(11)), name.padEnd(15), value.padEnd(wide), `needs: ${limit}`);
    if (!fault) continue;
    const lasts = since === null ? '' : ` For ${durationText((now - Date.parse(since)) / 1000)}.`;
    const ends = until === null ? '' : ` Until ${timeText(until)}.`;
    screen.line(`           ${fault.code}: ${fault.message}${lasts}${ends}`);
    screen.line(`           What to do: ${fault.todo}.`);
  }
  screen.line(summaryOf(gates));
  return 0;
}

function wordOf({ open, soft, overruled }: Gate): [string, Style] {
  if (open) return ['open', 'green'];
  if (overruled) return ['overruled', 'yellow'];
  return soft ? ['held', 'yellow'] : ['closed', 'red'];
}

function summaryOf(gates: readonly Gate[]): string {
  const holding = gates.filter(({ open, overruled }) => !open && !overruled);
  if (holding.length === 0) return 'Nothing holds updates back.';
  if (holding.some(({ soft }) => !soft)) return 'Updates are held back, for everyone.';
  return 'Automatic updates are held back; a person may install: "opq-updater install".';
}
