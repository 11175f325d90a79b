import { join } from 'node:path';
import type { HistoryEntry } from '../protocol/views.ts';
import { imagePath } from './box/undo/image.ts';
import { walk } from './box/undo/walk.ts';
import { exists } from './files.ts';
import { listOf } from './path-list.ts';
import type { Places } from './places.ts';

/** What the undo of an update kept aside, and where; null when it was nothing. */
export async function keptAside({ aside }: Places, id: string): Promise<HistoryEntry['kept_aside']> {
  const folder = join(aside, id);
  if (!(await exists(folder))) return null;
  const paths: string[] = [];
  const top = imagePath(folder);
  for await (const { kind, path } of walk('/', [top])) if (kind !== 'd') paths.push(path.slice(top.length + 1));
  return { folder, paths: listOf(paths) };
}
