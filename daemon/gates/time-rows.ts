import { minutesText, type Rows } from './gate.ts';

/** When the box may update, by itself or at all. */
export const timeRows: Rows = {
  automatic: {
    yields: 'person',
    look({ config }) {
      const { auto_install } = config.values;
      const look = { value: auto_install ? 'by itself' : 'when a person says so', limit: 'by itself' };
      if (auto_install) return look;
      return { ...look, closed: ['ASK_FIRST', 'auto_install is off: the box only shows what is new.'] };
    },
  },
  postponement: {
    yields: 'person',
    look({ postponement }) {
      if (postponement === null) return { value: 'none', limit: 'no postponement' };
      const { reason, untilMs } = postponement;
      const value = `until ${minutesText(untilMs)}${reason === '' ? '' : `, because: ${reason}`}`;
      return { value, limit: 'no postponement', closed: ['POSTPONED', `Updates are postponed ${value}.`], untilMs };
    },
  },
  clock: {
    // Without the time nobody can tell whether the window is open; all else works without.
    yields: 'time',
    look({ config, clockKnown, nowMs }) {
      const { window } = config.values;
      const now = minutesText(nowMs);
      const look = {
        value: clockKnown ? now : `${now}, not told by the network`,
        limit: window === null ? 'no window is set' : 'told by the network',
      };
      if (clockKnown || window === null) return look;
      const message = `Nobody has confirmed that it is ${now}, so whether the window ${window} is open cannot be told.`;
      return { ...look, closed: ['CLOCK_UNKNOWN', message] };
    },
  },
  window: {
    yields: 'person',
    look({ config, nowMs }) {
      const { window } = config.values;
      const time = new Date(nowMs).toTimeString().slice(0, 5);
      const look = { value: time, limit: window ?? 'any time' };
      if (window === null || isWithin(time, window)) return look;
      const message = `It is ${time}; the box installs by itself from ${window.replace('-', ' to ')}.`;
      return { ...look, closed: ['GATE_CLOSED', message], untilMs: nextTime(nowMs, window.slice(0, 5)) };
    },
  },
  retries: {
    yields: 'person',
    look({ backOff: { failures, code, untilMs }, nowMs }) {
      if (untilMs <= nowMs) return { value: 'no wait', limit: 'no wait' };
      const value = `until ${minutesText(untilMs)}`;
      const times = failures === 1 ? 'a failure' : `${failures} failures in a row`;
      const closed = ['BACK_OFF', `After ${times} (${code}) the box waits ${value}.`] as const;
      return { value, limit: 'no wait', closed, untilMs };
    },
  },
  'gates.d': {
    yields: 'time',
    look({ programs }) {
      const against = programs.filter(({ exitCode }) => exitCode !== 0);
      const look = { value: `${programs.length - against.length} of ${programs.length} agree`, limit: 'all agree' };
      const [first] = against;
      if (!first) return look;
      const { name, exitCode, said } = first;
      // 1 is "not now" with a reason; anything else is a program that is broken, and holds as well.
      const reason =
        exitCode === 1 ? said || 'it gives no reason' : `it ended with ${exitCode ?? 'no answer'}: ${said}`;
      return { ...look, closed: ['GATE_CLOSED', `${name} says not now: ${reason}`] };
    },
  },
};

/** Whether a time of day is in a window, which may go over midnight; one that ends where it begins is a whole day. */
function isWithin(time: string, window: string): boolean {
  const [from = '', to = ''] = window.split('-');
  return from < to ? from <= time && time < to : from <= time || time < to;
}

/** When it is this time of day next, local time, wall clock ms. */
function nextTime(nowMs: number, time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  const next = new Date(nowMs);
  next.setHours(hours, minutes, 0, 0);
  if (next.getTime() <= nowMs) next.setDate(next.getDate() + 1);
  return next.getTime();
}
