import type { PathList } from '../protocol/views.ts';
import { pathText } from './box/undo/image.ts';

/** Enough for a person to see what it is about. */
const mostShown = 200;

/** Paths of an image as they are shown: how many, and the first of them. */
export const listOf = (paths: readonly string[]): PathList => ({
  count: paths.length,
  first: paths.slice(0, mostShown).map(pathText),
});
