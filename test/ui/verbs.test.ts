import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';
import type { Health } from '../../protocol/health.ts';
import { fakeDaemon } from '../support/fake-daemon.ts';
import { documents, runCli } from '../support/run-cli.ts';
import { entryWith, fault, gateWith, newVersion, oldVersion, statusWith } from '../support/samples.ts';

const available = {
  version: newVersion,
  size_bytes: 25_900_000,
  hardware: null,
  notes: 'Better clocks.',
  upgrades: {},
};
const checked = { installed: oldVersion, available, news: true, begun: false, id: null, why_not: null };

/** Every verb that talks to the daemon: what it asks, and what must be in its prose. */
const rows = [
  { args: ['status'], name: 'status', answer: statusWith({}), asks: 'GET /status {}', says: /Installed +1550190683/ },
  {
    args: ['check'],
    name: 'check',
    answer: checked,
    asks: 'POST /check {"install":false}',
    says: /1550194283.*25\.9 MB/,
  },
  {
    args: ['why'],
    name: 'gates',
    answer: [gateWith({ fault: fault('GATE_CLOSED'), until: '2026-03-02T01:00:00.000Z' }), gateWith({ name: 'space' })],
    asks: 'GET /gates {}',
    says: /held +window +12:00 +needs: always\n +GATE_CLOSED: It happened\. Until 2026-03-02 01:00 UTC\.(.|\n)*\nopen +space/,
  },
  {
    args: ['postpone', '2h', '--reason', 'measurement running'],
    name: 'postpone',
    answer: { postponed: { reason: 'x', since: '2026-03-02T01:00:00.000Z', until: '2026-03-02T03:00:00.000Z' } },
    asks: 'POST /postpone {"for_s":7200,"reason":"measurement running"}',
    says: /until 2026-03-02 03:00 UTC/,
  },
  {
    args: ['postpone', '--end'],
    name: 'postpone',
    answer: { postponed: null },
    asks: 'POST /postpone {"for_s":0,"reason":""}',
    says: /not postponed/,
  },
  { args: ['install'], name: 'install', answer: { id: 'u1' }, asks: 'POST /install {"retry":false}', says: /begun/ },
  {
    args: ['install', '--version', '1550194283', '--retry'],
    name: 'install',
    answer: { id: 'u1' },
    asks: 'POST /install {"retry":true,"version":1550194283}',
    says: /begun/,
  },
  {
    args: ['install', '/media/usb/p.tar.bz2', '--allow-downgrade'],
    name: 'install_file',
    answer: { id: 'u1' },
    asks: 'POST /install-file {"path":"/media/usb/p.tar.bz2","retry":false,"allow_downgrade":true}',
    says: /begun/,
  },
  { args: ['cancel'], name: 'cancel', answer: { cancelled: true }, asks: 'POST /cancel {}', says: /cancelled/ },
  { args: ['rollback'], name: 'rollback', answer: { id: 'u2' }, asks: 'POST /rollback {}', says: /put back/ },
  {
    args: ['history', '-n', '5'],
    name: 'history',
    answer: [
      entryWith({
        outcome: 'rolled back',
        because: fault('HEALTH_FAILED', 'x.service is down.'),
        cuts: [{ step: 'install', into_s: 12 }],
        seconds: { install: 12, rollback: 2, restored: 1 },
      }),
    ],
    asks: 'GET /history {"limit":"5"}',
    says: /rolled back[\s\S]*power was lost in step install, 12 s in\n.*put back in 3 s\n.*HEALTH_FAILED: x.service is down/,
  },
  {
    args: ['log', '-n', '2'],
    name: 'log',
    answer: [{ at: '2026-03-01T10:00:00.000Z', level: 'warn', text: 'no server' }],
    asks: 'GET /log {"lines":"2"}',
    says: /warn +no server/,
  },
  {
    args: ['keys', 'list'],
    name: 'keys',
    answer: [
      {
        name: 'publisher',
        signs: 'releases',
        kind: 'ECDSA P-256',
        fingerprint: 'abcd1234',
        fault: null,
        added_by: null,
        retired_by: null,
      },
    ],
    asks: 'GET /keys {}',
    says: /publisher +ECDSA P-256\s+abcd 1234/,
  },
  {
    args: ['keys', 'remove', 'publisher'],
    name: 'key_remove',
    answer: { removed: 'publisher' },
    asks: 'POST /keys/remove {"name":"publisher","builder":false}',
    says: /Unpinned publisher/,
  },
  {
    args: ['config', 'show'],
    name: 'config',
    answer: {
      path: '/etc/opq/updater_config.json',
      problems: [],
      keys: [{ key: 'jitter_s', value: 60, source: 'file', default: 3600, meaning: 'A delay.' }],
    },
    asks: 'GET /config {}',
    says: /jitter_s = 60 +\(file; default 3600\)\s+A delay/,
  },
  {
    args: ['config', 'set', 'jitter_s', '60'],
    name: 'config_set',
    answer: {
      path: '/c',
      problems: [],
      keys: [{ key: 'jitter_s', value: 60, source: 'file', default: 1, meaning: '' }],
    },
    asks: 'POST /config/set {"key":"jitter_s","value":60}',
    says: /jitter_s = 60/,
  },
] as const;

describe('each verb asks the daemon one thing and shows its answer', () => {
  for (const { args, name, answer, asks, says } of rows) {
    it(args.join(' '), async () => {
      const daemon = await fakeDaemon({ [name]: answer });
      const prose = await runCli([...args, '--root', daemon.root]);
      expect(prose).toMatchObject({ exitCode: 0, stderr: '' });
      expect(prose.stdout).toMatch(says);
      expect(prose.stdout).not.toContain('\u001b');
      const json = await runCli(['--root', daemon.root, '--json', ...args]);
      expect(json).toMatchObject({ exitCode: 0, stderr: '' });
      expect(documents(json.stdout)).toEqual([answer]);
      expect(daemon.asked).toEqual([asks, asks]);
    });
  }
});

describe('the exit code says what kind of trouble it is', () => {
  const examples: Record<number, ErrorCode> = {
    1: 'INTERNAL',
    2: 'CONFIG_INVALID',
    3: 'SERVER_UNREACHABLE',
    4: 'SIGNATURE_INVALID',
    5: 'GATE_CLOSED',
    6: 'RESTORE_FAILED',
    7: 'DAEMON_UNREACHABLE',
    8: 'NOT_PERMITTED',
    9: 'REBOOT_PENDING',
  };
  for (const [exitCode, code] of Object.entries(examples)) {
    it(`${exitCode} for ${code}, with what to do about it`, async () => {
      const daemon = await fakeDaemon({ check: new UpdateError(code, 'It happened.') });
      const prose = await runCli(['check', '--root', daemon.root]);
      expect(prose).toMatchObject({ exitCode: Number(exitCode), stdout: '' });
      expect(prose.stderr).toContain(`opq-updater: ${code}: It happened.\nWhat to do: ${fault(code).todo}.`);
      const json = await runCli(['check', '--root', daemon.root, '--json']);
      expect(json).toMatchObject({ exitCode: Number(exitCode), stderr: '' });
      expect(documents(json.stdout)).toEqual([fault(code)]);
    });
  }
});

describe('check', () => {
  it('exits 0 when there is no news', async () => {
    const daemon = await fakeDaemon({ check: { ...checked, news: false } });
    const { exitCode, stdout } = await runCli(['check', '--install', '--root', daemon.root]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Up to date');
  });

  it('only tells of news when it was not asked to install, whatever holds updates back', async () => {
    const daemon = await fakeDaemon({ check: { ...checked, why_not: fault('GATE_CLOSED') } });
    expect((await runCli(['check', '--root', daemon.root])).exitCode).toBe(0);
  });

  it('exits 5 and says why when it was asked to install and a gate holds the update back', async () => {
    const daemon = await fakeDaemon({ check: { ...checked, why_not: fault('GATE_CLOSED', 'Outside the window.') } });
    const { exitCode, stderr } = await runCli(['check', '--install', '--root', daemon.root]);
    expect(exitCode).toBe(5);
    expect(stderr).toContain('GATE_CLOSED: Outside the window.');
  });

  it('follows the update that it has begun', async () => {
    const status = statusWith({ last_update: entryWith({}) });
    const daemon = await fakeDaemon({ status, check: { ...checked, begun: true, id: 'u1' } });
    const { exitCode, stdout } = await runCli(['check', '--install', '--wait', '--json', '--root', daemon.root]);
    expect(exitCode).toBe(0);
    expect(documents(stdout)).toMatchObject([
      { event: 'checked' },
      { event: 'begun', id: 'u1' },
      {},
      { event: 'verdict' },
    ]);
  });
});

describe('status --health', () => {
  const health = async (answer: object) => {
    const daemon = await fakeDaemon({ status: statusWith(answer) });
    const { exitCode, stdout } = await runCli(['status', '--health', '--root', daemon.root]);
    return { exitCode, ...(documents(stdout)[0] as Health) };
  };
  const notWell = ({ subcomponents }: Health) => subcomponents.filter(({ ok }) => !ok).map(({ name }) => name);

  it('is the document that OPQ Health reads', async () => {
    const found = await health({ at: '2026-03-01T10:00:00.000Z', warnings: [], last_update: entryWith({}) });
    expect(found).toMatchObject({ exitCode: 0, ok: true, info: 'well', timestamp: 1_772_359_200 });
    for (const { name, ok, timestamp, info, subcomponents } of found.subcomponents) {
      expect([typeof name, ok, timestamp, typeof info, subcomponents]).toEqual([
        'string',
        true,
        found.timestamp,
        'string',
        [],
      ]);
    }
  });

  it.each<[string, object]>([
    ['Updater', { state: 'stuck' }],
    ['Installed Release', { installed: null }],
    ['Last Update', { last_update: entryWith({ outcome: 'rolled back', because: fault('HEALTH_FAILED') }) }],
    ['Update Server', { last_check: { at: '2026-03-01T10:00:00.000Z', fault: fault('TLS_FAILED') } }],
    ['Clock', { clock_known: false }],
    ['Settings', { warnings: [fault('NO_TRUSTED_KEYS')] }],
  ])('is not well, and exits with 5, when a person is needed: %s', async (part, answer) => {
    const found = await health({ warnings: [], ...answer });
    expect([found.exitCode, found.ok, notWell(found)]).toEqual([5, false, [part]]);
    expect(found.info).toContain(`${part}: `);
  });

  it('is well while an update is under way, or held back', async () => {
    for (const answer of [{ state: 'install' }, { gates: [gateWith({ fault: fault('GATE_CLOSED') })] }]) {
      expect(await health({ warnings: [], ...answer })).toMatchObject({ ok: true });
    }
  });

  it('says so when the daemon does not answer', async () => {
    const { exitCode, stdout } = await runCli(['status', '--health', '--root', '/nowhere']);
    expect(exitCode).toBe(7);
    expect(documents(stdout)).toMatchObject([{ ok: false, info: 'Updater: DAEMON_UNREACHABLE' }]);
  });
});

describe('status', () => {
  it('names gates, warnings and the last failure with what to do', async () => {
    const status = statusWith({
      available,
      installed: 1,
      box: { name: 'cellar', kind: 'scratch', hardware: null, model: null },
      last_update: entryWith({ outcome: 'rolled back', because: fault('HEALTH_FAILED', 'x.service is down.') }),
      gates: [
        gateWith({ limit: '01:00-05:00', fault: fault('GATE_CLOSED') }),
        gateWith({ name: 'space', soft: false, value: '9 GB', limit: '1 GB' }),
      ],
      warnings: [fault('NO_TRUSTED_KEYS', 'There is no usable key.')],
    });
    const daemon = await fakeDaemon({ status });
    const { stdout } = await runCli(['status', '--root', daemon.root]);
    expect(stdout).toMatch(/Installed +1\n/);
    expect(stdout).toMatch(/Available +1550194283 \(2019-02-15 01:31:23 UTC\)/);
    expect(stdout).toContain('Better clocks.');
    expect(stdout).toContain('a folder, for trials');
    expect(stdout).toMatch(/Last check +5 min 0 s ago/);
    expect(stdout).toContain('window: 12:00, needs 01:00-05:00');
    expect(stdout).not.toContain('space');
    expect(stdout).toContain('HEALTH_FAILED: x.service is down.');
    expect(stdout).toContain('NO_TRUSTED_KEYS: There is no usable key.');
    expect(stdout).toContain(fault('NO_TRUSTED_KEYS').todo);
  });
});

describe('what comes from outside cannot steer the terminal', () => {
  const nasty = 'a\u001b]0;x\u0007b\u009b31mc\rd\u202ee\u007f';
  const harmless = 'a\\u001b]0;x\\u0007b\\u009b31mc\\u000dd\\u202ee\\u007f';
  const cases = [
    ['status', { status: statusWith({ available: { ...available, notes: nasty } }) }],
    ['log', { log: [{ at: '', level: 'info', text: nasty }] }],
    ['history', { history: [entryWith({ outcome: 'failed', because: fault('INTERNAL', nasty) })] }],
    ['check', { check: new UpdateError('SERVER_ERROR', nasty) }],
  ] as const;
  for (const [verb, answers] of cases) {
    it(verb, async () => {
      const daemon = await fakeDaemon(answers as Parameters<typeof fakeDaemon>[0]);
      for (const form of [[], ['--json']]) {
        const { stdout, stderr } = await runCli([verb, ...form, '--root', daemon.root]);
        expect(stdout + stderr).toContain(form.length > 0 ? 'a\\u001b]0;x\\u0007b\\u009b31mc' : harmless);
        expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      }
    });
  }
});
