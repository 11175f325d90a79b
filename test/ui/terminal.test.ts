import { describe, expect, it } from 'vitest';
import { fakeDaemon } from '../support/fake-daemon.ts';
import { startInTerminal } from '../support/run-cli.ts';
import { entryWith, statusWith, updating } from '../support/samples.ts';

const half = { done: 12_950_000, total: 25_900_000, unit: 'bytes', bytes_per_s: 1_200_000, text: null } as const;

/** What the terminal was given, without colours, as the states of its lines one after the other. */
const states = (output: string): string[] => output.replace(/\u001b\[\d+m/g, '').split(/\r?\n|\r\u001b\[K/);

async function watched(columns: number, progress: Parameters<typeof updating>[1], env?: Record<string, string>) {
  const daemon = await fakeDaemon({ install: { id: 'u1' }, status: statusWith(updating('download', progress)) });
  const cli = startInTerminal(['install', '--wait', '--root', daemon.root], columns, env);
  await cli.shows('download ');
  daemon.say({ state: 'idle', update: null, last_update: entryWith({}) });
  const { exitCode, stdout } = await cli.ended;
  expect(exitCode).toBe(0);
  return stdout;
}

describe('on a terminal', () => {
  it('draws a bar with percent, bytes, speed and time left', async () => {
    const bar = states(await watched(100, half)).find((line) => line.startsWith('download '));
    expect(bar).toMatch(/^download {2}\[#+\.+\] {2}50 % {2}\d+ s {2}\d+ s left {2}12\.9 MB of 25\.9 MB {2}1\.2 MB\/s$/);
  });

  it('keeps the bar within 40 columns by leaving out what matters less', async () => {
    const bars = states(await watched(40, half)).filter((line) => line.startsWith('download '));
    for (const bar of bars) expect(bar.length).toBeLessThan(40);
    expect(bars[0]).toMatch(/\[#{5,}\.{5,}\] {2}50 %/);
  });

  it('shows what the script says, cut to fit and unable to steer the terminal', async () => {
    const text = `Copying\u001b[2J ${'漢'.repeat(90)}`;
    const bar = states(await watched(60, { ...half, unit: 'percent', done: 30, text })).find((line) =>
      line.includes('Copying'),
    );
    expect(bar).toContain('30 %');
    expect(bar).toContain('\\u001b[2J');
  });

  it('is coloured, unless NO_COLOR is set', async () => {
    expect(await watched(80, half)).toContain('\u001b[32m');
    expect(await watched(80, half, { NO_COLOR: '1' })).not.toMatch(/\u001b\[\d+m/);
  });

  it('breaks the status between words on a narrow screen', async () => {
    const daemon = await fakeDaemon({
      status: statusWith({
        available: { version: 1550194283, upgrades: {}, size_bytes: null, hardware: null, notes: 'word '.repeat(40) },
      }),
    });
    const { stdout } = await startInTerminal(['status', '--root', daemon.root], 40).ended;
    for (const line of states(stdout)) expect(line.length).toBeLessThanOrEqual(40);
  });
});
