import type { PathList } from '../../protocol/views.ts';
import { bytesText } from '../../protocol/words.ts';
import type { Call } from './arguments.ts';
import { styled } from './screen.ts';
import { versionText } from './text.ts';

/** What a rollback would do now: nothing is changed. */
export async function showUndoPlan({ screen, daemon }: Call): Promise<number> {
  const plan = await daemon.ask('undo_plan', {});
  if (screen.json) {
    screen.document(plan);
    return 0;
  }
  const nameOf = (version: number | null) =>
    version === null ? 'nothing that says its version' : versionText(version);
  screen.line(`A rollback would go from ${nameOf(plan.from)} to ${nameOf(plan.to)}.`);
  if (plan.whole) screen.line('The box is on trial: its folders would become what they were, whoever changed them.');
  show('would become what it was before the update', plan.restore);
  show('of that was changed since: a copy is kept aside', plan.keep_aside);
  show('was changed by others and stays', plan.leave);
  if (plan.need_bytes > 0) screen.line(`It takes ${bytesText(plan.need_bytes)} of space while it runs.`);
  return 0;

  function show(what: string, { count, first }: PathList): void {
    screen.line(styled('bold', String(count)), ` ${what}`);
    for (const path of first) screen.line('    ', path);
    if (count > first.length) screen.line(`    and ${count - first.length} more`);
  }
}
