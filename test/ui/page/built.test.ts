import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { operations } from '../../../protocol/operations.ts';
import { paths } from '../../../ui/page/paths.ts';

const dist = fileURLToPath(new URL('../../../dist/page', import.meta.url));
const files = readdirSync(dist, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const contents = files.map(({ parentPath, name }) => ({ name, bytes: readFileSync(join(parentPath, name)) }));
const textOf = (end: string) => contents.filter(({ name }) => name.endsWith(end)).map(({ bytes }) => String(bytes));

it('is small enough for a weak Wi-Fi: all files together have less than 60 kB, packed', () => {
  const packed = contents.map(({ bytes }) => gzipSync(bytes).length);
  expect(contents.length).toBeGreaterThan(3);
  expect(packed.reduce((sum, size) => sum + size)).toBeLessThan(60_000);
});

it('has nothing inline and nothing from elsewhere, so that the strictest policy lets it through', () => {
  const [html = ''] = textOf('.html');
  expect(html).toMatch(/<script type="module"[^>]* src="\.\/assets\/[\w.-]+\.js"><\/script>/);
  expect(html).not.toMatch(/<script[^>]*>[^<]|<style| style=| on\w+=|https?:/);
  expect(textOf('.css').join()).not.toMatch(/url\(|https?:/);
});

it('never makes markup of text, evaluates it or writes it into the page', () => {
  const source = fileURLToPath(new URL('../../../ui/page', import.meta.url));
  const names = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name));
  expect(names.length).toBeGreaterThan(20);
  for (const name of names) {
    expect(readFileSync(join(source, name), 'utf8'), name).not.toMatch(
      /dangerouslySetInnerHTML|innerHTML|insertAdjacent|document\.write|\beval\b|new Function|\bstyle=/,
    );
  }
});

it.each(Object.entries(paths))('asks for %s where the box has it, and may', (name, path) => {
  const row = operations[name as keyof typeof paths];
  expect({ path: row.path, page: row.page }).toEqual({ path, page: true });
});
