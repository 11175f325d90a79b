import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configKeyNames, configKeys } from '../../protocol/config-keys.ts';
import { exitCodes } from '../../ui/cli/exit-codes.ts';
import { verbs } from '../../ui/cli/verbs.ts';
import { buildDeb, run } from './the-deb.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'opq-man-test-'));
  run('dpkg-deb', ['-x', buildDeb(folder), folder]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const source = (page: string) => gunzipSync(readFileSync(join(folder, 'usr/share/man', page))).toString();

/** What a reader sees, but for the layout. */
const shown = (page: string): string =>
  source(page)
    .replaceAll(/\\f[BIR]|\\&/g, '')
    .replaceAll('\\-', '-')
    .replaceAll('\\(aq', "'")
    .replaceAll('\\(ga', '`')
    .replaceAll('\\(ti', '~')
    .replaceAll('\\(ha', '^')
    .replaceAll('\\e', '\\');

describe('opq-updater(8)', () => {
  it('has every verb with its usage, options and examples', () => {
    const text = shown('man8/opq-updater.8.gz');
    for (const { name, usage, about, options = {}, examples } of verbs.filter(({ hidden }) => !hidden)) {
      expect(text).toContain(`.TP\n${`${name} ${usage}`.trim()}\n${about}.\n`);
      for (const option of Object.keys(options)) expect(text).toContain(`--${option}`);
      for (const line of examples) expect(text).toContain(`\n${line}\n`);
    }
    expect(text).not.toContain('worker');
  });

  it('has every exit code', () => {
    const text = shown('man8/opq-updater.8.gz');
    for (const [code, meaning] of Object.entries(exitCodes)) expect(text).toContain(`.TP\n${code}\n${meaning}.\n`);
  });
});

describe('updater_config.json(5)', () => {
  it('has every key with its meaning, what it takes and its default', () => {
    const text = shown('man5/updater_config.json.5.gz');
    for (const key of configKeyNames) {
      const { meaning, expected } = configKeys[key];
      expect(text).toContain(`.TP\n${key}\n${meaning}`);
      expect(text).toContain(`Expected: ${expected}.`);
      expect(text).toContain(JSON.stringify(configKeys[key].default));
    }
  });
});

it('no line of a page is taken for a request that it is not', () => {
  for (const page of ['man8/opq-updater.8.gz', 'man5/updater_config.json.5.gz']) {
    const requests = source(page).match(/^[.'].*$/gm) ?? [];
    const known = /^\.(TH|SH|TP|PP|RS|RE|EX|EE|BR|br)( |$)/;
    expect(requests.filter((line) => !known.test(line))).toEqual([]);
  }
});
