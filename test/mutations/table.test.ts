import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { mutations } from './table.ts';

const repo = fileURLToPath(new URL('../..', import.meta.url));

it.each(mutations)('$file: "$find" is there, once, and so are the tests', ({ file, find, put, tests }) => {
  expect(readFileSync(join(repo, file), 'utf8').split(find)).toHaveLength(2);
  expect(put).not.toBe(find);
  expect(tests.filter((test) => !existsSync(join(repo, test)))).toEqual([]);
});
