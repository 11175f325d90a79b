import { errorCodes } from '../../protocol/error-codes.ts';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import { healthOf } from '../../protocol/health.ts';
import { updaterText } from '../../protocol/updater.ts';
import type { Status } from '../../protocol/views.ts';
import { bytesText, durationText, headlineOf, isNews, stateWords } from '../../protocol/words.ts';
import type { Call } from './arguments.ts';
import { follow } from './follow.ts';
import { healthOfBox } from './health.ts';
import { showProgress } from './progress.ts';
import { type Piece, type Screen, styled } from './screen.ts';
import { timeText, versionText, wrapped } from './text.ts';

/** Everything at a glance; with --follow, each change until it is ended from outside. */
export async function status(call: Call): Promise<number> {
  if (call.values.follow) return followStatus(call);
  if (call.values.health) return showHealth(call);
  const now = await call.daemon.ask('status', {});
  if (call.screen.json) call.screen.document(now);
  else showStatus(call.screen, now);
  return 0;
}

/** @returns 5 when something needs a person, 7 when the daemon does not answer, which is part of the document as well */
async function showHealth({ daemon, screen }: Call): Promise<number> {
  const now = await daemon.ask('status', {}).catch((thrown) => asUpdateError(thrown));
  const health =
    now instanceof UpdateError
      ? healthOf('OPQ Box Updater', Math.floor(Date.now() / 1000), { Updater: { ok: false, info: now.code } })
      : healthOfBox(now);
  screen.document(health);
  return now instanceof UpdateError ? errorCodes[now.code].exit : health.ok ? 0 : 5;
}

async function followStatus({ daemon, screen }: Call): Promise<number> {
  const signal = new AbortController().signal;
  const listen = () => daemon.listen('events', {});
  const progress = showProgress(screen);
  let headline = '';
  for await (const news of follow(listen, { met: false, signal, patienceS: () => Number.POSITIVE_INFINITY })) {
    if (news.event === 'alive') continue;
    const now = news.event === 'status' ? (news.data as Status) : undefined;
    if (screen.json) screen.document(now ? { event: 'status', ...now } : news);
    else if (!now) progress.lost(headline === stateWords.reboot);
    else {
      if (headline === '') showStatus(screen, now);
      else if (headline !== headlineOf(now)) screen.line(styled('dim', `${timeText(now.at)}  `), headlineOf(now));
      headline = headlineOf(now);
      if (now.update) progress.show(now.update);
      else progress.end();
    }
  }
  return 0;
}

/** Rows of a name and what there is to say, aligned and broken to fit. */
function showStatus(screen: Screen, now: Status): void {
  const row = (name: string, text: string | null, style?: 'bold' | 'red' | 'yellow'): void => {
    if (text === null) return;
    const lines = text.split('\n').flatMap((line) => wrapped(line, Math.min(screen.width(), 120) - 13));
    for (const [index, line] of lines.entries()) {
      const piece: Piece = style ? styled(style, line) : line;
      screen.line(styled('dim', (index === 0 ? name : '').padEnd(12)), piece);
    }
  };
  const { box, update, available, last_check, last_update, next_check_at } = now;
  const ago = (iso: string): string => `${durationText((Date.parse(now.at) - Date.parse(iso)) / 1000)} ago`;

  row(
    'Box',
    [box.name, box.hardware, box.kind === 'scratch' ? 'a folder, for trials' : null].filter(Boolean).join(', '),
  );
  row('State', headlineOf(now), now.state === 'stuck' ? 'red' : 'bold');
  if (update) {
    row('Update', `${update.from ?? 'first installation'} -> ${versionText(update.to)}, begun by ${update.by}`);
    const step = update.steps.find(({ state }) => state === 'now');
    row(
      'Step',
      step ? `${step.name}${step.seconds === null ? '' : ` for ${durationText(step.seconds)}`}` : update.step,
    );
    row('Because', update.because && `${update.because.code}: ${update.because.message}`, 'red');
    row('', update.cancellable ? 'Nothing is changed yet: "opq-updater cancel" works.' : null);
  }
  row('Installed', now.installed === null ? 'nothing that says its version' : versionText(now.installed));
  const size = available?.size_bytes ? `, ${bytesText(available.size_bytes)}` : '';
  row('Available', available && `${versionText(available.version)}${size}${isNews(now) ? '' : ', not newer'}`);
  row('Notes', available?.notes?.trim() || null);
  row('Server', now.server_url ?? 'not set');
  row('Last check', last_check ? `${ago(last_check.at)} (${timeText(last_check.at)})` : 'none since the box started');
  row('', last_check?.fault ? `${last_check.fault.code}: ${last_check.fault.message}` : null, 'yellow');
  row('Next check', next_check_at && timeText(next_check_at));
  row('Last update', last_update && `${last_update.to} ${last_update.outcome}, ${timeText(last_update.ended_at)}`);
  row('', last_update?.because ? `${last_update.because.code}: ${last_update.because.message}` : null, 'yellow');
  row('Undo', now.previous === null ? null : `would go back to ${versionText(now.previous)}`);
  row('Updater', updaterText(now.updater_version, now.updater_program));
  for (const { name, value, limit, fault, open } of now.gates) {
    if (open) continue;
    row('Held back', `${name}: ${value}, needs ${limit}`, 'yellow');
    row('', fault && `${fault.message} What to do: ${fault.todo}.`);
  }
  for (const { code, message, todo } of now.warnings) {
    row('Warning', `${code}: ${message}`, 'red');
    row('', `What to do: ${todo}.`);
  }
}
