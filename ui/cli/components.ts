import type { ComponentView } from '../../protocol/box-views.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { type Call, textsOf } from './arguments.ts';
import { type Style, styled } from './screen.ts';
import { versionText } from './text.ts';
import { begunWith } from './update.ts';

/** What runs and what there is, a line for each component. */
export async function components({ screen, daemon }: Call): Promise<number> {
  const view = await daemon.ask('components', {});
  if (screen.json) {
    screen.document(view);
    return 0;
  }
  const rows = view.components.map((row) => [row.name, row.running ?? '-', row.available ?? '-'] as const);
  const [wide, versions] = [0, 1].map((n) => Math.max(9, ...rows.map((row) => row[n]!.length)) + 2);
  screen.line(styled('bold', `${'component'.padEnd(wide!)}${'running'.padEnd(versions!)}available`));
  for (const [n, [name, running, available]] of rows.entries()) {
    const row = view.components[n]!;
    const [word, style] = newsOf(row, view.release !== null);
    const more = [
      word,
      ...row.requires.map((other) => `needs ${other}`),
      ...row.conflicts.map((other) => `not with ${other}`),
    ];
    const text = `${name.padEnd(wide!)}${running.padEnd(versions!)}${available.padEnd(versions!)}${more.filter(Boolean).join(', ')}`;
    screen.line(style ? styled(style, text.trimEnd()) : text.trimEnd());
  }
  if (view.release !== null) screen.line(`Available is what release ${versionText(view.release)} has.`);
  if (view.channel !== 'attended')
    screen.line(`The channel is "${view.channel}": whole releases, nothing is built on demand.`);
  return view.fault ? screen.fault(view.fault) : 0;
}

function newsOf({ running, available }: ComponentView, isKnown: boolean): readonly [string, Style?] {
  if (running === null) return ['', 'dim'];
  if (available === null) return isKnown ? ['no longer available', 'yellow'] : [''];
  return running === available ? [''] : ['another version', 'green'];
}

/** Has an update built and follows it: its place in the queue, the build, and the update to its end. */
export async function upgrade(call: Call): Promise<number> {
  const { positionals, values, daemon } = call;
  const [add, remove] = [textsOf(call, 'add'), textsOf(call, 'remove')];
  if (positionals.length > 0 && add.length + remove.length > 0)
    throw new UpdateError('USAGE', 'upgrade: name all COMPONENTs, or say what to --add and --remove.');
  const only = positionals.length > 0 ? [...positionals] : null;
  const { id } = await daemon.ask('upgrade', { only, add, remove, retry: values.retry === true });
  return begunWith({ ...call, values: { ...values, wait: true } }, id, 'install');
}
