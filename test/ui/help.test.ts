import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../protocol/error-codes.ts';
import { updaterVersionPattern } from '../../protocol/updater.ts';
import { exitCodes } from '../../ui/cli/exit-codes.ts';
import { verbs } from '../../ui/cli/verbs.ts';
import { cliPath, documents, runCli } from '../support/run-cli.ts';

const shown = verbs.filter(({ hidden }) => !hidden);

describe('help', () => {
  it('of the tool names every verb and every exit code', async () => {
    const { exitCode, stdout } = await runCli(['--help']);
    expect(exitCode).toBe(0);
    for (const { name } of shown) expect(stdout).toContain(`  ${name} `);
    for (const meaning of Object.values(exitCodes)) expect(stdout).toContain(meaning);
    expect(stdout).not.toContain('worker');
  });

  for (const { name, examples, options = {} } of shown) {
    it(`of ${name} has its options and examples`, async () => {
      const { exitCode, stdout } = await runCli([...name.split(' '), '--help']);
      expect(exitCode).toBe(0);
      for (const example of examples) expect(stdout).toContain(example);
      for (const option of Object.keys(options)) expect(stdout).toContain(`--${option}`);
      expect(await runCli(['help', ...name.split(' ')])).toMatchObject({ exitCode: 0, stdout });
    });
  }

  it('of a group shows its verbs, and as JSON there is one document', async () => {
    const { stdout } = await runCli(['keys', '--help', '--json']);
    const [{ verbs: rows }] = documents(stdout) as [{ verbs: { name: string }[] }];
    expect(rows.map(({ name }) => name)).toEqual(['keys list', 'keys add', 'keys remove']);
  });

  it('is shown with exit 2 when there is no verb', async () => {
    expect(await runCli([])).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('Verbs') });
  });

  it('version is that of the package', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    // What every box asks a new updater for, however old the box is.
    expect(documents((await runCli(['--version', '--json'])).stdout)).toEqual([{ version, program: cliPath }]);
    expect((await runCli(['--version'])).stdout).toBe(`opq-updater ${version} (${dirname(cliPath)})\n`);
    expect(version).toMatch(updaterVersionPattern);
  });
});

describe('a command that is not understood exits 2 and asks the daemon nothing', () => {
  const wrong = [
    ['frobnicate'],
    ['keys'],
    ['keys', 'frobnicate'],
    ['keys', 'add'],
    ['status', 'now'],
    ['status', '--frobnicate'],
    ['--json'],
    ['history', '-n', '0'],
    ['history', '-n', '1e2'],
    ['log', '-n', '2001'],
    ['install', '--version', '1'],
    ['install', '--version', '1550190683', 'file.tar.bz2'],
    ['install', '--allow-downgrade'],
    ['check', '--wait'],
    ['config', 'set', 'jitter_s'],
    ['help', 'frobnicate'],
  ];
  for (const args of wrong) {
    it(`opq-updater ${args.join(' ')}`, async () => {
      const { exitCode, stdout, stderr } = await runCli(args, { env: { OPQ_UPDATER_ROOT: '/nonexistent' } });
      expect(exitCode).toBe(2);
      expect(stdout + stderr).toContain('USAGE');
    });
  }
});

describe('the tables', () => {
  it('every error has an exit code that is explained', () => {
    for (const { exit } of Object.values(errorCodes)) expect(exitCodes).toHaveProperty(String(exit));
  });

  it('the documentation has every verb with its usage, every option and every exit code', async () => {
    const page = await readFile(new URL('../../docs/opq-updater.md', import.meta.url), 'utf8');
    for (const { name, usage, options = {} } of shown) {
      // In a table of Markdown a bar has to be escaped.
      expect(page.replaceAll('\\|', '|')).toContain(`\`${`${name} ${usage}`.trim()}\``);
      for (const option of Object.keys(options)) expect(page).toContain(`--${option}`);
    }
    for (const [code, meaning] of Object.entries(exitCodes)) expect(page).toContain(`| ${code} | ${meaning} |`);
  });
});
