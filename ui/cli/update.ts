import { resolve } from 'node:path';
import { errorCodes } from '../../protocol/error-codes.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { isReleaseVersion, quote } from '../../protocol/version.ts';
import { bytesText } from '../../protocol/words.ts';
import { type Call, textOf } from './arguments.ts';
import { versionText } from './text.ts';
import { showUndoPlan } from './undo-plan.ts';
import type { Wish } from './verdict.ts';
import { waitForVerdict } from './wait.ts';

/** Asks the server what is newest: 0 with or without news. With --install, a gate's code when one holds it. */
export async function check(call: Call): Promise<number> {
  const { screen, daemon, values } = call;
  const install = values.install === true;
  if (values.wait && !install) throw new UpdateError('USAGE', 'check: --wait goes with --install.');
  const answer = await daemon.ask('check', { install });
  const { installed, available, news, begun, why_not, id } = answer;
  if (screen.json) screen.document(values.wait ? { event: 'checked', ...answer } : answer);
  else {
    const size = available?.size_bytes ? `, ${bytesText(available.size_bytes)}` : '';
    screen.line(`Installed: ${installed === null ? 'nothing that says its version' : versionText(installed)}`);
    screen.line(`Offered:   ${available ? `${versionText(available.version)}${size}` : 'nothing'}`);
    if (!news) screen.line('Up to date.');
    else if (!begun && !install) screen.line(`An update is available${why_not ? '.' : ': "opq-updater install".'}`);
  }
  if (begun && id !== null) return begunWith(call, id, 'install');
  if (why_not && !screen.json) {
    screen.aside(`Not now: ${why_not.code}: ${why_not.message}`);
    screen.aside(`What to do: ${why_not.todo}.`);
  }
  return install && news && why_not ? errorCodes[why_not.code].exit : 0;
}

/** Begins an update: to what the server offers, or from a package and its .sig. */
export async function install(call: Call): Promise<number> {
  const { daemon, values, positionals } = call;
  const [file] = positionals;
  const retry = values.retry === true;
  const asked = textOf(call, 'version');
  if (file === undefined) {
    if (values['allow-downgrade']) throw new UpdateError('USAGE', 'install: --allow-downgrade goes with a PACKAGE.');
    const input = asked === undefined ? { retry } : { retry, version: versionFrom(asked) };
    return begunWith(call, (await daemon.ask('install', input)).id, 'install');
  }
  if (asked !== undefined) throw new UpdateError('USAGE', 'install: give a PACKAGE or a --version, not both.');
  const input = { path: resolve(file), retry, allow_downgrade: values['allow-downgrade'] === true };
  return begunWith(call, (await daemon.ask('install_file', input)).id, 'install');
}

/** Puts the earlier release back, or shows what that would do. */
export async function rollback(call: Call): Promise<number> {
  // What begins with these words goes another way: ui/cli.ts
  if (call.values.offline || call.values.yes || call.values['no-reboot']) {
    throw new UpdateError('USAGE', 'The command is "opq-updater rollback --offline [--yes] [--no-reboot]".');
  }
  const dry = call.values['dry-run'] === true;
  if (dry && call.values.wait) throw new UpdateError('USAGE', 'rollback: --dry-run changes nothing to --wait for.');
  if (dry) return showUndoPlan(call);
  return begunWith(call, (await call.daemon.ask('rollback', {})).id, 'rollback');
}

/** Ends the update under way while nothing has been changed. */
export async function cancel({ screen, daemon }: Call): Promise<number> {
  const answer = await daemon.ask('cancel', {});
  if (screen.json) screen.document(answer);
  else screen.line(answer.cancelled ? 'The update is cancelled; nothing was changed.' : 'No update is under way.');
  return 0;
}

/** Says that it has begun, and with --wait how it ends. */
export async function begunWith(call: Call, id: string, wish: Wish): Promise<number> {
  const { screen, values, verb } = call;
  if (screen.json) {
    if (values.wait) screen.document({ event: 'begun', id });
    else if (verb.name !== 'check') screen.document({ id });
  } else {
    screen.line(wish === 'install' ? 'The update has begun.' : 'The earlier release is being put back.');
    if (!values.wait) screen.line('Follow it: "opq-updater status --follow". It does not need this terminal.');
  }
  return values.wait ? waitForVerdict(call, id, wish) : 0;
}

function versionFrom(text: string): number {
  const version = Number(text);
  if (/^\d+$/.test(text) && isReleaseVersion(version)) return version;
  throw new UpdateError('USAGE', `--version takes the 9 to 12 digits of a release, found ${quote(text)}.`);
}
