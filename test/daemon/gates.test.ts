import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closedGate, type GateFacts, lookAtGates } from '../../daemon/gates.ts';
import { judgeConfig } from '../../protocol/config.ts';
import { newVersion, oldVersion } from '../support/samples.ts';

const minute = 60_000;
const good: GateFacts = {
  config: judgeConfig({ server_url: 'http://updates.example/' }),
  keys: 1,
  offer: { version: newVersion, sizeBytes: 1_000_000, hardware: null, sha256: null },
  floor: oldVersion,
  quarantine: [],
  hardware: 'rpi/3',
  freeBytes: 2 ** 40,
  nowMs: new Date(2026, 2, 10, 12, 0).getTime(),
  backOffUntilMs: 0,
};
const sha256 = 'ab'.repeat(32);
const failed = { sha256, version: newVersion, code: 'HEALTH_FAILED', at: '2026-03-01T10:00:00.000Z' };
const configWith = (more: object) => judgeConfig({ server_url: 'http://updates.example/', ...more });

const closedOf = (facts: Partial<GateFacts>) =>
  lookAtGates({ ...good, ...facts })
    .filter(({ open }) => !open)
    .map(({ name }) => name);

it('is open all around when nothing is the matter, or nothing is on offer', () => {
  expect(closedOf({})).toEqual([]);
  expect(closedOf({ offer: null, hardware: null })).toEqual([]);
});

const rows: [string, string, string, boolean, Partial<GateFacts>][] = [
  [
    'the configuration has a problem',
    'configuration',
    'CONFIG_INVALID',
    false,
    { config: configWith({ jitter_s: -1 }) },
  ],
  ['no key is pinned', 'keys', 'NO_TRUSTED_KEYS', false, { keys: 0 }],
  ['the window is closed', 'window', 'GATE_CLOSED', true, { config: configWith({ window: '01:00-05:00' }) }],
  ['it failed a while ago', 'retries', 'BACK_OFF', true, { backOffUntilMs: good.nowMs + minute }],
  ['the release is older', 'floor', 'DOWNGRADE_REFUSED', false, { floor: newVersion + 1 }],
  [
    'it fits other hardware',
    'hardware',
    'HARDWARE_MISMATCH',
    false,
    { offer: { ...good.offer!, hardware: ['rpi/4'] } },
  ],
  [
    'the hardware is not known',
    'hardware',
    'HARDWARE_MISMATCH',
    false,
    { hardware: null, offer: { ...good.offer!, hardware: ['rpi/3'] } },
  ],
  ['the release failed here before', 'quarantine', 'QUARANTINED', false, { quarantine: [failed] }],
  ['the disk is too full', 'space', 'DISK_FULL', false, { freeBytes: 60_000_000 }],
];
describe.each(rows)('when %s, the gate "%s" is closed (%s)', (_, name, code, soft, facts) => {
  it('and says so, by itself', () => {
    expect(closedOf(facts)).toEqual([name]);
    const gate = lookAtGates({ ...good, ...facts }).find((row) => row.name === name);
    expect(gate).toMatchObject({ soft, fault: { code } });
    expect(gate?.value).not.toBe('');
  });

  it(soft ? 'for the schedule; a person may go through' : 'for everyone', () => {
    const gates = lookAtGates({ ...good, ...facts });
    expect(closedGate(gates, 'schedule', false)?.code).toBe(code);
    for (const by of ['person', 'file'] as const) {
      expect(closedGate(gates, by, false)?.code).toBe(soft ? undefined : code);
      expect(closedGate(gates, by, true)?.code).toBe(soft || name === 'quarantine' ? undefined : code);
    }
  });
});

it('holds back only the very package that failed, as far as the server says which it is', () => {
  const offer = { ...good.offer!, sha256 };
  expect(closedOf({ quarantine: [failed], offer })).toEqual(['quarantine']);
  expect(closedOf({ quarantine: [{ ...failed, sha256: 'cd'.repeat(32) }], offer })).toEqual([]);
  expect(closedOf({ quarantine: [{ ...failed, version: oldVersion }], offer })).toEqual([]);
});

describe('a window', () => {
  const isOpen = (window: string, time: string) => {
    const [hours, minutes] = time.split(':').map(Number);
    const nowMs = new Date(2026, 2, 10, hours, minutes).getTime();
    return !closedOf({ config: configWith({ window }), nowMs }).includes('window');
  };

  it.each([
    ['01:00-05:00', '00:59', false],
    ['01:00-05:00', '01:00', true],
    ['01:00-05:00', '04:59', true],
    ['01:00-05:00', '05:00', false],
    ['22:00-04:00', '21:59', false],
    ['22:00-04:00', '22:00', true],
    ['22:00-04:00', '00:00', true],
    ['22:00-04:00', '04:00', false],
    ['00:00-00:00', '13:00', true],
  ])('of %s is at %s open: %s', (window, time, open) => {
    expect(isOpen(window, time)).toBe(open);
  });

  it('is open for as long as it is wide, and the one turned around is open just when it is closed', () => {
    const time = fc
      .integer({ min: 0, max: 1439 })
      .map((n) => [Math.floor(n / 60), n % 60].map((part) => String(part).padStart(2, '0')).join(':'));
    const asMinutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
    fc.assert(
      fc.property(time, time, time, (from, to, now) => {
        const width = (asMinutes(to) - asMinutes(from) + 1440) % 1440 || 1440;
        const since = (asMinutes(now) - asMinutes(from) + 1440) % 1440;
        expect(isOpen(`${from}-${to}`, now)).toBe(since < width);
        if (from !== to) expect(isOpen(`${to}-${from}`, now)).toBe(since >= width);
      }),
    );
  });
});

it('says the same twice, whatever the facts', () => {
  const facts = fc.record({
    keys: fc.nat(3),
    floor: fc.nat(),
    freeBytes: fc.nat(),
    nowMs: fc.date({ noInvalidDate: true }).map(Number),
    backOffUntilMs: fc.date({ noInvalidDate: true }).map(Number),
  });
  fc.assert(
    fc.property(facts, (some) => {
      const gates = lookAtGates({ ...good, ...some });
      expect(gates).toEqual(lookAtGates({ ...good, ...some }));
      for (const { open, fault } of gates) expect(open).toBe(fault === null);
    }),
  );
});
