import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GateFacts } from '../../../daemon/gates/gate.ts';
import { closedGate, gateRows, lookAtGates, openAgainMs } from '../../../daemon/gates/gates.ts';
import { heldCodes } from '../../../daemon/history.ts';
import { judgeConfig } from '../../../protocol/config.ts';
import { wellConditioned } from '../../support/fake-box.ts';
import { newVersion, oldVersion } from '../../support/samples.ts';

const minute = 60_000;
const good: GateFacts = {
  config: judgeConfig({ server_url: 'http://updates.example/' }),
  keys: 1,
  offer: { version: newVersion, sizeBytes: 1_000_000, hardware: null, sha256: null, components: null },
  floor: oldVersion,
  quarantine: [],
  undone: false,
  hardware: 'rpi/3',
  freeBytes: 2 ** 40,
  nowMs: new Date(2026, 2, 10, 12, 0).getTime(),
  clockKnown: true,
  backOff: { failures: 0, code: null, untilMs: 0 },
  stuck: null,
  postponement: null,
  programs: [{ name: '10-grid', exitCode: 0, said: '' }],
  conditions: wellConditioned,
  heldSinceMs: null,
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

type Closed = [string, string, string, boolean, Partial<GateFacts>];

/** Conditions of the box that hold the schedule back, but not for ever. */
const waiting: Closed[] = [
  ['the voltage is low', 'power', 'POWER_LOW', true, { conditions: { ...wellConditioned, underVoltage: true } }],
  ['the box is hot', 'temperature', 'TOO_HOT', true, { conditions: { ...wellConditioned, temperatureC: 80.5 } }],
  ['heat slows it down', 'temperature', 'TOO_HOT', true, { conditions: { ...wellConditioned, throttled: true } }],
  ['apt is at work', 'packages', 'PACKAGES_BUSY', true, { conditions: { ...wellConditioned, packagesBusy: true } }],
  [
    'a program of the owner says not now',
    'gates.d',
    'GATE_CLOSED',
    true,
    { programs: [...good.programs, { name: '20-event', exitCode: 1, said: 'a sag is recorded' }] },
  ],
  [
    'a program of the owner is broken',
    'gates.d',
    'GATE_CLOSED',
    true,
    { programs: [{ name: '20-event', exitCode: null, said: '' }] },
  ],
];

const rows: Closed[] = [
  [
    'the configuration has a problem',
    'configuration',
    'CONFIG_INVALID',
    false,
    { config: configWith({ jitter_s: -1 }) },
  ],
  ['no server is set', 'server', 'CONFIG_INVALID', true, { config: judgeConfig({}) }],
  ['no key is pinned', 'keys', 'NO_TRUSTED_KEYS', false, { keys: 0 }],
  ['the window is closed', 'window', 'GATE_CLOSED', true, { config: configWith({ window: '01:00-05:00' }) }],
  [
    'it failed a while ago',
    'retries',
    'BACK_OFF',
    true,
    { backOff: { failures: 2, code: 'SERVER_ERROR', untilMs: good.nowMs + minute } },
  ],
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
  ['a person had the release undone', 'undone', 'UNDONE', true, { undone: true }],
  ['the disk is too full', 'space', 'DISK_FULL', false, { freeBytes: 60_000_000 }],
  [
    'the root is in memory',
    'root',
    'ROOT_NOT_PERSISTENT',
    false,
    { conditions: { ...wellConditioned, rootType: 'overlay', rootPersistent: false } },
  ],
  ['an undo could not be finished', 'stuck', 'STUCK', true, { stuck: newVersion }],
  ['a person has to say so', 'automatic', 'ASK_FIRST', true, { config: configWith({ auto_install: false }) }],
  [
    'a person has postponed updates',
    'postponement',
    'POSTPONED',
    true,
    { postponement: { reason: 'measurement running', sinceMs: good.nowMs, untilMs: good.nowMs + minute } },
  ],
  [
    'nobody knows the time that the window needs',
    'clock',
    'CLOCK_UNKNOWN',
    true,
    { clockKnown: false, config: configWith({ window: '00:00-00:00' }) },
  ],
  ...waiting,
];
/** What may close while an update is on its way is no failure of it: these cannot, or are one. */
const neverMeanwhile = ['BACK_OFF', 'CONFIG_INVALID', 'STUCK', 'UNDONE'];

it('counts no update as failed that was held back on its way by what a person or time opens', () => {
  const codes = rows.filter(([, , , yields]) => yields).map(([, , code]) => code);
  for (const code of codes.filter((one) => !neverMeanwhile.includes(one))) expect(heldCodes).toContain(code);
});

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

it('is open for the lowest version that the box accepts, which a person may install again', () => {
  expect(closedOf({ floor: newVersion })).toEqual([]);
});

it('lets a stuck box take by itself what is newer than the release that brought it there', () => {
  expect(closedOf({ stuck: newVersion - 1 })).toEqual([]);
  expect(closedOf({ stuck: newVersion, offer: null })).toEqual(['stuck']);
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

it.each(waiting)(
  'when %s, the schedule waits for the longest deferral and no longer',
  (_, name, code, _soft, facts) => {
    const limitMs = good.config.values.max_deferral_s * 1000;
    const gatesAfter = (heldMs: number) => lookAtGates({ ...good, ...facts, heldSinceMs: good.nowMs - heldMs });
    expect(closedGate(gatesAfter(limitMs - 1000), 'schedule', false)?.code).toBe(code);
    const after = gatesAfter(limitMs);
    expect(closedGate(after, 'schedule', false)).toBe(undefined);
    expect(after.find((gate) => gate.name === name)).toMatchObject({ open: false, overruled: true, fault: { code } });
  },
);

it('overrules nothing else, however long it holds', () => {
  for (const [, name, code, , facts] of rows) {
    if (gateRows[name]?.yields === 'time') continue;
    const gates = lookAtGates({ ...good, ...facts, heldSinceMs: 1 });
    expect(closedGate(gates, 'schedule', false)?.code).toBe(code);
  }
});

it('names a program that is against the update, with its reason', () => {
  const programs = [{ name: '20-event', exitCode: 1, said: 'a sag is recorded' }];
  const gate = lookAtGates({ ...good, programs }).find(({ name }) => name === 'gates.d');
  expect(gate?.fault?.message).toMatch(/20-event.*a sag is recorded/);
});

describe('the schedule tries again', () => {
  const againOf = (facts: Partial<GateFacts>) => {
    const held = lookAtGates({ ...good, ...facts }).filter(({ open }) => !open);
    return openAgainMs(held, good.nowMs);
  };

  it('when the window opens, which may be tomorrow', () => {
    const config = configWith({ window: '01:00-05:00' });
    expect(againOf({ config })).toBe(new Date(2026, 2, 11, 1, 0).getTime());
    expect(againOf({ config: configWith({ window: '13:30-14:00' }) })).toBe(new Date(2026, 2, 10, 13, 30).getTime());
  });

  it('in a while when nobody can tell when a condition changes', () => {
    expect(againOf(waiting[0]![4])).toBe(good.nowMs + 15 * minute);
  });

  it('when the last of several gates opens', () => {
    const untilMs = good.nowMs + 20 * minute;
    const postponement = { reason: '', sinceMs: good.nowMs, untilMs };
    expect(againOf({ ...waiting[0]![4], postponement })).toBe(untilMs);
  });

  it('not at all when it needs a person', () => {
    expect(againOf({ ...waiting[0]![4], keys: 0 })).toBe(undefined);
    expect(againOf({ config: configWith({ auto_install: false }) })).toBe(undefined);
  });
});

it('says the same twice, and names the gate that holds an update back, whatever the facts', () => {
  const maybe = fc.option(fc.boolean());
  const facts = fc.record({
    keys: fc.nat(3),
    stuck: fc.option(fc.constantFrom(newVersion - 1, newVersion)),
    clockKnown: fc.boolean(),
    heldSinceMs: fc.option(fc.nat()),
    conditions: fc.record({
      rootType: fc.constantFrom('ext4', 'overlay'),
      rootPersistent: fc.boolean(),
      packagesBusy: fc.boolean(),
      underVoltage: maybe,
      throttled: maybe,
      temperatureC: fc.option(fc.double({ min: -40, max: 120, noNaN: true })),
    }),
    programs: fc.array(fc.record({ name: fc.string(), exitCode: fc.option(fc.nat(3)), said: fc.string() })),
    floor: fc.nat(),
    freeBytes: fc.nat(),
    nowMs: fc.date({ noInvalidDate: true }).map(Number),
    backOff: fc.record({
      failures: fc.nat(),
      code: fc.constant('SERVER_ERROR'),
      untilMs: fc.date({ noInvalidDate: true }).map(Number),
    }),
  });
  fc.assert(
    fc.property(facts, (some) => {
      const gates = lookAtGates({ ...good, ...some });
      expect(gates).toEqual(lookAtGates({ ...good, ...some }));
      for (const { open, fault } of gates) expect(open).toBe(fault === null);
      // Whoever is held back is told by which gate: a closed one, with a reason and what to do about it.
      for (const by of ['schedule', 'person'] as const) {
        const held = closedGate(gates, by, false);
        if (!held) continue;
        const gate = gates.find(({ fault }) => fault?.message === held.message);
        expect(gate).toMatchObject({ open: false, fault: { code: held.code, todo: held.todo } });
      }
    }),
  );
});

it('has each gate, and whom it yields to, in the documentation', () => {
  const page = readFileSync(new URL('../../../docs/gates.md', import.meta.url), 'utf8');
  const told = [...page.matchAll(/^\| ([\w.]+) \| .* \| (\w+)[^|]* \|$/gm)]
    .slice(1)
    .map(([, name, to]) => `${name} ${to}`);
  expect(told).toEqual(Object.entries(gateRows).map(([name, { yields }]) => `${name} ${yields}`));
});
