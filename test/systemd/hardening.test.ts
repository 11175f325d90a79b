import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const path = (file: string) => fileURLToPath(new URL(`../../${file}`, import.meta.url));
const page = readFileSync(path('docs/systemd.md'), 'utf8');

/** A unit, and the heading under which the page tells what it leaves open. */
const units = [
  ['opq-updater.service', '## What the daemon may do'],
  ['opq-updater-ui.service', "## What the page's server may do"],
] as const;

/** The rows of the table there: what the tool calls it, and what the unit says. */
function rowsUnder(heading: string) {
  const [section = ''] = page.slice(page.indexOf(heading) + 3).split('\n## ');
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [, finds = '', inUnit = ''] = line.split(/(?<!\\)\|/);
      const bare = (cell: string) => cell.trim().replaceAll(/^`|`$/g, '').replaceAll('\\|', '|');
      return { finds: bare(finds), inUnit: bare(inUnit) };
    });
  return { section, rows };
}

interface Finding {
  readonly name: string;
  /** Null: closed, or of no weight. */
  readonly exposure: string | null;
}

// In the package systemd, from version 250 on.
const hasTool =
  spawnSync('systemd-analyze', ['security', '--offline=true', path(`systemd/units/${units[0][0]}`)]).status === 0;

describe.each(units)('docs/systemd.md on %s', (name, heading) => {
  const unitPath = path(`systemd/units/${name}`);
  const unit = readFileSync(unitPath, 'utf8').split('\n');
  const words = (key: string) =>
    unit.filter((line) => line.startsWith(`${key}=`)).flatMap((line) => line.split(/[= ]/));
  const { section, rows } = rowsUnder(heading);

  it.each(rows)('says of $finds what the unit says', ({ finds, inUnit }) => {
    if (inUnit === '-') {
      const keys = finds.split(/[/=]+/).filter((word) => /^[A-Za-z]+$/.test(word));
      expect(keys).not.toEqual([]);
      for (const key of keys) expect(words(key)).toEqual([]);
    } else if (inUnit.includes('=')) {
      expect(unit).toContain(inUnit);
    } else {
      const [key = ''] = finds.split('=');
      expect(words(key)).toEqual(expect.arrayContaining(inUnit.split(' ')));
    }
  });

  it.skipIf(!hasTool)('lists what systemd-analyze finds open, no more and no less, with its score', () => {
    const analyze = (...options: string[]) =>
      execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', ...options, unitPath], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const findings: Finding[] = JSON.parse(analyze('--json=short'));
    const open = findings.filter(({ exposure }) => exposure !== null).map(({ name }) => name);
    expect(rows.map(({ finds }) => finds).sort()).toEqual(open.sort());
    const [, score] = /Overall exposure level for \S+: ([\d.]+)/.exec(analyze()) ?? [];
    expect(section).toContain(`says **${score}**`);
  });
});

describe('docs/systemd.md', () => {
  it('names every unit', () => {
    const names = execFileSync('ls', [path('systemd/units')], { encoding: 'utf8' })
      .trim()
      .split('\n');
    for (const name of names) expect(page).toContain(`| \`${name}\` |`);
  });

  it('says how to switch off everything that would start the daemon again', () => {
    const line = /disable --now ([^`]*)`/.exec(page)?.[1]?.split(' ') ?? [];
    const starts = ['opq-updater-control.socket', 'opq-updater-page.socket', 'opq-updater.service'];
    expect(line.toSorted()).toEqual(starts.toSorted());
  });
});
