import type { Box } from './box.ts';
import { makeSnapshot, restoreSnapshot, snapshotHolds, snapshotIntact } from './snapshot.ts';
import { lookAtUndo, noteAfter, onlyWrittenSince, prepareUndo } from './undo/selective.ts';

type WayBack = Pick<
  Box,
  | 'snapshot'
  | 'snapshotHolds'
  | 'onlyWrittenSince'
  | 'snapshotIntact'
  | 'noteAfter'
  | 'lookAtUndo'
  | 'prepareUndo'
  | 'restore'
>;

/** The snapshots of a box whose root folder is `root`, and what is made of them: the same for every kind of box. */
export const wayBack = (root: string): WayBack => ({
  snapshot: (folder, paths, about) => makeSnapshot(root, folder, paths, about),
  snapshotHolds: (folder) => snapshotHolds(root, folder),
  onlyWrittenSince: (folder, sinceMs) => onlyWrittenSince(root, folder, sinceMs),
  snapshotIntact,
  noteAfter: (folder) => noteAfter(root, folder),
  lookAtUndo: (folder, kept) => lookAtUndo(root, folder, kept),
  prepareUndo: (folder, how) => prepareUndo(root, folder, how),
  restore: (folder) => restoreSnapshot(root, folder),
});
