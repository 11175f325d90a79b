import type { LogLine } from '../../protocol/views.ts';
import { type Call, countOf } from './arguments.ts';
import { follow } from './follow.ts';
import { type Screen, styled } from './screen.ts';

/** The last lines of the log; with -f, each new one until it is ended from outside. */
export async function log(call: Call): Promise<number> {
  const { screen, daemon } = call;
  const lines = countOf(call, 'lines', { min: 0, max: 2000 }) ?? 100;
  if (call.values.follow) return followLog(call, lines);
  const found = await daemon.ask('log', { lines });
  if (screen.json) screen.document(found);
  else for (const line of found) show(screen, line);
  return 0;
}

/** Goes on after a restart of the daemon: asks for the last lines again and passes over those already shown. */
async function followLog({ daemon, screen }: Call, lines: number): Promise<number> {
  const signal = new AbortController().signal;
  let wanted = lines;
  const before = new Set<string>();
  let shown: string[] = [];
  const listen = () => daemon.listen('log', { lines: wanted, follow: 'true' });
  for await (const news of follow(listen, { met: false, signal, patienceS: () => Number.POSITIVE_INFINITY })) {
    if (news.event === 'lost') {
      wanted = 200;
      for (const line of shown) before.add(line);
      shown = [];
    }
    if (news.event !== 'log') continue;
    const line = news.data as LogLine;
    const key = JSON.stringify(line);
    if (before.has(key)) continue;
    shown = [...shown, key].slice(-500);
    if (screen.json) screen.document({ event: 'log', ...line });
    else show(screen, line);
  }
  return 0;
}

const levelStyles = { info: 'dim', warn: 'yellow', error: 'red' } as const;

function show(screen: Screen, { at, level, text }: LogLine): void {
  screen.line(styled('dim', at), ' ', styled(levelStyles[level] ?? 'dim', level.padEnd(5)), ' ', text);
}
