import type { Progress, StepView, UpdateView } from '../../protocol/views.ts';
import { bytesText, durationText } from '../../protocol/words.ts';
import { type Screen, styled } from './screen.ts';
import { columnsOf, cutTo } from './text.ts';

export interface ProgressView {
  show(update: UpdateView): void;
  /** The line to the daemon broke; in a reboot that is as it should be. */
  lost(rebooting: boolean): void;
  end(): void;
}

/** Lines of progress that are not for a terminal come at most this often. */
const everyMs = 3000;
const everyPercent = 10;

/**
 * Shows how an update goes on: a line for every step that ends, and below them one that lives. Where nobody
 * watches, lines only: the begin of each step, and now and then how far it is.
 */
export function showProgress(screen: Screen): ProgressView {
  let updateId = '';
  let ended: string[] = [];
  let begun = '';
  let lastLine = { percent: 0, atMs: 0 };
  let current: { step: StepView; progress: Progress | null; atMs: number } | undefined;
  let ticking: NodeJS.Timeout | undefined;

  const redraw = (): void => {
    if (!current) return;
    const passed = (performance.now() - current.atMs) / 1000;
    screen.draw(barLine(current.step, current.progress, passed, Math.min(screen.width(), 100)));
  };
  const line = (step: StepView, progress: Progress | null): void => {
    const percent = percentOf(progress) ?? 0;
    const nowMs = performance.now();
    if (begun !== step.name) screen.line(`${step.name}: begun`);
    else if (nowMs - lastLine.atMs < everyMs || percent - lastLine.percent < everyPercent) return;
    else screen.line(`${step.name}: ${fieldsOf(step, progress, 0).filter(Boolean).join(', ')}`);
    begun = step.name;
    lastLine = { percent, atMs: nowMs };
  };

  return {
    show({ id, steps, progress }) {
      if (screen.json) return;
      if (id !== updateId) [updateId, ended, begun] = [id, [], ''];
      for (const step of steps) {
        if (ended.includes(step.name) || (step.state !== 'done' && step.state !== 'failed')) continue;
        ended.push(step.name);
        const time = step.seconds === null ? '' : ` in ${durationText(step.seconds)}`;
        const word = step.state === 'done' ? styled('green', 'done') : styled('red', 'failed');
        screen.line(screen.live ? step.name.padEnd(10) : `${step.name}: `, word, time);
      }
      const step = steps.find(({ state }) => state === 'now');
      current = step && { step, progress, atMs: performance.now() };
      if (step && !screen.live) line(step, progress);
      if (!screen.live) return;
      redraw();
      ticking ??= setInterval(redraw, 1000);
    },
    lost(rebooting) {
      current = undefined;
      screen.line(
        rebooting ? 'The box is probably rebooting; waiting for it.' : 'The connection was lost; trying again.',
      );
    },
    end() {
      clearInterval(ticking);
      ticking = undefined;
      current = undefined;
    },
  };
}

function percentOf(progress: Progress | null): number | null {
  const total = progress?.unit === 'percent' ? 100 : progress?.total;
  return progress && total ? Math.min(100, Math.floor((100 * progress.done) / total)) : null;
}

/** What there is to say of a step, the most important first; empty where there is nothing. */
function fieldsOf(step: StepView, progress: Progress | null, passedS: number): string[] {
  const percent = percentOf(progress);
  const bytes = progress?.unit === 'bytes' ? progress : null;
  const left = bytes?.total && bytes.bytes_per_s ? (bytes.total - bytes.done) / bytes.bytes_per_s - passedS : null;
  return [
    percent === null ? '' : `${percent} %`,
    durationText((step.seconds ?? 0) + passedS),
    left === null ? '' : `${durationText(left)} left`,
    bytes ? `${bytesText(bytes.done)}${bytes.total ? ` of ${bytesText(bytes.total)}` : ''}` : '',
    bytes?.bytes_per_s ? `${bytesText(bytes.bytes_per_s)}/s` : '',
    progress?.text ?? '',
  ];
}

/** One line that fits into `width` columns: what does not fit is left out, the least important first. */
function barLine(step: StepView, progress: Progress | null, passedS: number, width: number): string {
  const percent = percentOf(progress);
  const name = step.name.padEnd(9);
  let room = width - 1 - columnsOf(name) - (percent === null ? 0 : 13);
  const fields = fieldsOf(step, progress, passedS);
  const shown = fields.flatMap((field, index) => {
    const isText = index === fields.length - 1;
    const fitting = isText && room > 12 ? cutTo(field, room - 2) : field;
    const columns = columnsOf(fitting) + 2;
    if (!fitting || columns > room) return [];
    room -= columns;
    return [fitting];
  });
  if (percent === null) return [name, ...shown].join('  ');
  const length = 10 + Math.max(0, Math.min(20, room));
  const bar = '#'.repeat(Math.round((percent / 100) * length)).padEnd(length, '.');
  return [`${name} [${bar}]`, ...shown].join('  ');
}
