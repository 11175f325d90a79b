import { durationText, type GateWord, gatesSummary, gateWordOf } from '../../protocol/words.ts';
import type { Call } from './arguments.ts';
import { type Style, styled } from './screen.ts';
import { timeText } from './text.ts';

/** Every condition that may hold updates back, with what it found and what it needs; the closed ones say why. */
export async function why({ screen, daemon }: Call): Promise<number> {
  const gates = await daemon.ask('gates', {});
  if (screen.json) {
    screen.document(gates);
    return 0;
  }
  const now = Date.now();
  const wide = Math.min(40, Math.max(...gates.map(({ value }) => value.length))) + 2;
  for (const gate of gates) {
    const { name, value, limit, fault, since, until } = gate;
    const word = gateWordOf(gate);
    screen.line(styled(styles[word], word.padEnd(11)), name.padEnd(15), value.padEnd(wide), `needs: ${limit}`);
    if (!fault) continue;
    const lasts = since === null ? '' : ` For ${durationText((now - Date.parse(since)) / 1000)}.`;
    const ends = until === null ? '' : ` Until ${timeText(until)}.`;
    screen.line(`           ${fault.code}: ${fault.message}${lasts}${ends}`);
    screen.line(`           What to do: ${fault.todo}.`);
  }
  screen.line(gatesSummary(gates));
  return 0;
}

const styles: Readonly<Record<GateWord, Style>> = { open: 'green', overruled: 'yellow', held: 'yellow', closed: 'red' };
