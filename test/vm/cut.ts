import { setTimeout as sleep } from 'node:timers/promises';
import type { UpdateStep } from '../../protocol/views.ts';
import type { Hardware } from './qemu-arguments.ts';
import type { Context } from './scenario.ts';

/** In the order in which an update that fails at its end goes through them. */
const order: readonly UpdateStep[] = [
  ...(['download', 'verify', 'unpack', 'snapshot', 'stop'] as const),
  ...(['install', 'reboot', 'confirm', 'rollback', 'restored'] as const),
];
const stepLine = new RegExp(` (${order.join('|')}) update=`, 'g');

/**
 * Cuts the power, proves that the file system can be mounted, and switches the machine on again; does not wait for
 * its boot.
 * @param afterMs the same in every run when it comes from `random()`
 */
export async function cutAt({ machine, say }: Context, afterMs: number, change: Partial<Hardware> = {}): Promise<void> {
  await sleep(afterMs);
  say(`cut ${Math.round(afterMs)} ms later; the last step was ${lastStep(machine.console())}`);
  await machine.cut();
  const { sound, report } = await machine.checkFileSystem();
  if (!sound) throw new Error(`The file system is not sound after its journal was replayed: ${report}`);
  await machine.powerOn(change);
}

/**
 * Cuts somewhere in a step, or in the one after it when it was short: waits for it in this boot, which may have just
 * begun. The next boot has to know what was cut.
 * @param withinMs the cut comes after up to this
 * @param from where on the console of this boot the update began; what is before it is of another one
 * @returns the step that was cut; null when the update was past it, or its end was cut and nothing was lost
 */
export async function cutAtStep(
  context: Context,
  step: UpdateStep,
  withinMs: number,
  from = 0,
): Promise<UpdateStep | null> {
  const { machine, random } = context;
  const wanted = order.slice(order.indexOf(step)).join('|');
  const [text] = await machine.onConsole(new RegExp(`(?: (?:${wanted})| ended) update=`), { from });
  if (text.includes('ended')) return null;
  await sleep(withinMs * random());
  if (/ ended update=/.test(machine.console().slice(from))) return null;
  const seen = lastStep(machine.console());
  await cutAt(context, 0);
  const line = / power was lost in the middle of an update step=(\w+)\s| ready\s/;
  const [, told] = await machine.onConsole(line);
  // A shutdown that was nearly done was none, and an update may have come to its end just before.
  if (told === undefined && (seen === 'reboot' || seen === 'restored' || seen === 'confirm')) return null;
  // The journal is ahead of the console by a line at most.
  const possible = seen === undefined ? [] : order.slice(order.indexOf(seen));
  if (!possible.includes(told as UpdateStep))
    throw new Error(`Power was lost in the step ${seen} or just after it, but the updater says in ${told ?? 'none'}.`);
  return told as UpdateStep;
}

const lastStep = (text: string): UpdateStep | undefined => [...text.matchAll(stepLine)].at(-1)?.[1] as UpdateStep;

/** Proves that what the cuts left behind holds nothing back. */
export async function expectNextUpdate({ publisher, box, whole }: Context, version: number): Promise<void> {
  const next = { version };
  await publisher.publish(next);
  await box.install();
  await box.expectEnd(version, 'confirmed');
  await box.expectWhole(whole(next));
}
