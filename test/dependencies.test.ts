import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const path = (file: string) => fileURLToPath(new URL(`../${file}`, import.meta.url));

/** Holes that are publicly known, in libraries that programs of ours hold: the version that closed the last one. */
const closedIn = {
  tar: ['7.5.11', 'CVE-2026-31802, -29786, -26960, -24842, -23950, -23745: files outside of the folder'],
  koa: ['3.1.2', 'CVE-2026-27959: a host of the sender; CVE-2025-32379: script in a redirect'],
  'path-to-regexp': ['8.4.0', 'GHSA-j3q9-mxjg-w52f, GHSA-27v5-c462-wpq7: a path that takes for ever to match'],
  got: ['12.1.0', 'CVE-2022-33987: a redirect to a local socket'],
  systeminformation: ['5.31.7', 'CVE-2026-50289 and earlier: text of the system run as a command'],
  'cross-spawn': ['7.0.5', 'CVE-2024-21538: an argument that takes for ever to escape'],
  valibot: ['1.2.0', 'CVE-2025-66020: a text that takes for ever to check'],
  'http-cache-semantics': ['4.1.1', 'CVE-2022-25881: a header that takes for ever to read'],
} as const satisfies Record<string, readonly [version: string, holes: string]>;

const lock: { packages: Record<string, { version?: string; dev?: boolean; resolved?: string }> } = JSON.parse(
  readFileSync(path('package-lock.json'), 'utf8'),
);

const numbers = (version: string) => version.split('-')[0]!.split('.').map(Number);

/** True when a is older than b. */
function isBefore(a: string, b: string): boolean {
  const [left, right] = [numbers(a), numbers(b)];
  const differs = left.findIndex((part, n) => part !== right[n]);
  return differs >= 0 && left[differs]! < right[differs]!;
}

describe('the libraries in our programs', () => {
  it.each(Object.entries(closedIn))('%s is new enough (%s)', (name, [version]) => {
    const copies = Object.entries(lock.packages).filter(([place]) => place.endsWith(`node_modules/${name}`));
    expect(copies).not.toEqual([]);
    for (const [, { version: found }] of copies) {
      expect(isBefore(found!, version), `expected ${version} or newer, found ${found}`).toBe(false);
    }
  });

  it('are old to a test that is given a hole', () => {
    expect(isBefore('7.5.10', '7.5.11')).toBe(true);
    expect(isBefore('7.10.0', '7.5.11')).toBe(false);
    expect(isBefore('3.1.2', '3.1.2')).toBe(false);
  });

  it('are those that docs/dependencies.md lists, with licences that allow it', () => {
    const page = execFileSync(process.execPath, [path('setup/dependencies.mjs')], { encoding: 'utf8' });
    expect(page).toBe(readFileSync(path('docs/dependencies.md'), 'utf8'));
    const licences = page.split('\n').flatMap((line) => /^\| \S+ \| \d\S* \| ([^|]+) \|/.exec(line)?.[1] ?? []);
    expect(licences.length).toBeGreaterThan(10);
    const free = ['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'BlueOak-1.0.0', 'Python-2.0', '0BSD'];
    expect(licences.filter((licence) => !free.includes(licence))).toEqual([]);
  });

  it('are locked by their content, and not to the place where somebody fetched them', () => {
    const places = Object.values(lock.packages).flatMap(({ resolved }) => resolved ?? []);
    expect(places).toEqual([]);
  });
});
