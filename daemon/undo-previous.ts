import { UpdateError } from '../protocol/errors.ts';
import { parseInstalledVersion } from '../protocol/version.ts';
import type { UndoView } from '../protocol/views.ts';
import { pathsOf, readAbout } from './box/snapshot.ts';
import type { Because } from './facts.ts';
import type { At } from './machine.ts';
import { listOf } from './path-list.ts';
import { undoTrial } from './resume.ts';
import { needSpace } from './space.ts';
import { otherWay } from './steps/keep-package.ts';
import { keptByUndo } from './steps/undo.ts';
import type { Tools } from './tools.ts';
import { refuseDetours } from './writable.ts';

/**
 * Where the undo of the confirmed release begins. Looked at before anything is stopped: a healthy box is not taken
 * down for a copy that cannot be used.
 * @throws UpdateError NOTHING_TO_UNDO, SNAPSHOT_DAMAGED, PATH_NOT_UNDOABLE, DISK_FULL
 */
export async function beginUndo(tools: Tools): Promise<At<'undo'>> {
  const { box, places, config } = tools;
  const because: Because = { code: 'ROLLED_BACK', message: 'A person had it put back.', step: 'undo' };
  await provePrevious(tools);
  const { need } = await box.lookAtUndo(places.previous, keptByUndo(places, (await config()).values));
  await needSpace(tools, [{ folder: places.state, ...need }]);
  return { ...(await undoTrial(tools, places.previous, because)), step: 'undo' };
}

/**
 * What the undo of the confirmed release would do now. Changes nothing.
 * @throws UpdateError NOTHING_TO_UNDO, SNAPSHOT_DAMAGED, PATH_NOT_UNDOABLE
 */
export async function viewUndo(tools: Tools): Promise<UndoView> {
  const { box, places, config } = tools;
  await provePrevious(tools);
  const { restore, aside, leave, need } = await box.lookAtUndo(
    places.previous,
    keptByUndo(places, (await config()).values),
  );
  return {
    ...(await endsOf(places.previous)),
    whole: false,
    restore: listOf(restore),
    keep_aside: listOf(aside),
    leave: listOf(leave),
    need_bytes: need.bytes,
  };
}

/** The same for a release on trial: all that its snapshot holds goes back, whoever changed it. */
export async function viewUndoOfTrial({ box, places }: Tools): Promise<UndoView> {
  const { restore, leave } = await box.lookAtUndo(places.trial, { paths: [], but: [] });
  const none = listOf([]);
  const all = listOf([...restore, ...leave].sort());
  return { ...(await endsOf(places.trial)), whole: true, restore: all, keep_aside: none, leave: none, need_bytes: 0 };
}

async function endsOf(folder: string): Promise<Pick<UndoView, 'id' | 'from' | 'to'>> {
  const { update, from, to } = await readAbout(folder);
  const version = (text = '') => parseInstalledVersion(text) ?? null;
  return { id: update ?? '', from: version(to), to: version(from) };
}

async function provePrevious({ box, places }: Pick<Tools, 'box' | 'places'>): Promise<void> {
  const { update, from, whole } = await readAbout(places.previous);
  if (!update) throw new UpdateError('NOTHING_TO_UNDO', 'No snapshot of an earlier release is kept.');
  if (whole === 'no') {
    throw new UpdateError('NOTHING_TO_UNDO', 'Before this release the box was between two others: nothing to go to.');
  }
  if (!(await box.snapshotIntact(places.previous))) {
    const other = await otherWay(places, parseInstalledVersion(from ?? '') ?? null);
    throw new UpdateError(
      'SNAPSHOT_DAMAGED',
      `The kept copy of the earlier release is damaged; nothing was touched. ${other}`,
    );
  }
  await refuseDetours(places.root, await pathsOf(places.previous));
}
