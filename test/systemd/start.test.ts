import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const program = fileURLToPath(new URL('../../systemd/start.sh', import.meta.url));
const shells = { dash: ['dash'], busybox: ['busybox', 'sh'] } as const;

/** A box in a folder: the factory copy, and version 1.3.0 in use. */
function aBox(shell: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), 'opq-start-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const at = (path: string) => join(root, path);
  const put = (path: string, text = '') => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  const link = (target: string) => {
    rmSync(at('opt/opq-updater/current'), { recursive: true, force: true });
    symlinkSync(target, at('opt/opq-updater/current'));
  };
  put('usr/lib/opq-box-updater/opq-updater.js');
  put('opt/opq-updater/1.3.0/opq-updater.js');
  link('1.3.0');
  // Stands in for Node: says what it would start, whatever it is told about its memory.
  put('bin/node', '#!/bin/sh\nwhile case $1 in --*) ;; *) false ;; esac; do shift; done\necho "$*"\n');
  spawnSync('chmod', ['755', at('bin/node')]);
  return {
    at,
    put,
    link,
    start(...args: string[]) {
      const [first, ...more] = shell;
      const env = { PATH: `${at('bin')}:${process.env.PATH}`, OPQ_ROOT: root };
      const { stdout, stderr, status } = spawnSync(first!, [...more, program, ...args], { env, encoding: 'utf8' });
      const [file = '', ...words] = stdout.trim().replace(`${root}/`, '').split(' ');
      return { copy: file.startsWith('usr/lib/') ? 'factory' : file, words, stderr, status };
    },
  };
}

const newOne = 'opt/opq-updater/1.3.0/opq-updater.js';

describe.each(Object.entries(shells))('under %s the starter', (_, shell) => {
  it('starts the version in use, with everything that it was given', () => {
    const box = aBox(shell);
    expect(box.start('daemon', '--box', 'systemd')).toEqual({
      copy: newOne,
      words: ['daemon', '--box', 'systemd'],
      stderr: '',
      status: 0,
    });
  });

  it('starts the page of the version in use, and the one from the .deb where that brought none', () => {
    const box = aBox(shell);
    box.put('usr/lib/opq-box-updater/opq-updater-ui.js');
    expect(box.start('ui', '--port', '0')).toMatchObject({ copy: 'factory', words: ['--port', '0'] });
    box.put('opt/opq-updater/1.3.0/opq-updater-ui.js');
    expect(box.start('ui')).toMatchObject({ copy: 'opt/opq-updater/1.3.0/opq-updater-ui.js', words: [] });
  });

  const passedOver: [string, string][] = [
    ['is marked bad', 'touch 1.3.0/bad'],
    ['is marked bad by a link to nowhere', 'ln -s nowhere 1.3.0/bad'],
    ['has no program', 'rm 1.3.0/opq-updater.js'],
    ['has a folder in place of its program', 'rm 1.3.0/opq-updater.js; mkdir 1.3.0/opq-updater.js'],
    ['is gone', 'rm -r 1.3.0'],
    ['was never there', 'rm -r ../opq-updater'],
    ['is elsewhere', 'mv 1.3.0 ..; ln -sfn ../1.3.0 current'],
    ['is named by its full path', 'ln -sfn "$PWD/1.3.0" current'],
    ['is the folder of all versions', 'touch opq-updater.js; ln -sfn . current'],
    ['is a link to elsewhere', 'mv 1.3.0 ..; ln -s ../1.3.0 1.3.0'],
    ['is a folder by the name of the link', 'rm current; mv 1.3.0 current'],
    ['is named as an option', 'mv 1.3.0 ./-e; rm current; ln -s -- -e current'],
  ];
  it.each(passedOver)('starts the factory copy when the version in use %s', (_what, spoil) => {
    const box = aBox(shell);
    execFileSync('bash', ['-ec', spoil], { cwd: box.at('opt/opq-updater') });
    expect(box.start('daemon')).toMatchObject({ copy: 'factory', words: ['daemon'], status: 0 });
    expect(box.start('status')).toMatchObject({ copy: 'factory', stderr: '' });
  });

  it('starts the factory copy for the rest of a boot in which the daemon never got ready, and says so', () => {
    const box = aBox(shell);
    for (let n = 1; n <= 5; n++) expect(box.start('daemon').copy).toBe(newOne);
    expect(box.start('status')).toMatchObject({ copy: 'factory', stderr: '' });
    for (let n = 0; n < 2; n++) {
      expect(box.start('daemon')).toMatchObject({ copy: 'factory', stderr: expect.stringContaining('1.3.0') });
    }
    // /run is empty after a reboot.
    rmSync(box.at('run'), { recursive: true });
    expect(box.start('daemon').copy).toBe(newOne);
  });

  it('counts the starts of the daemon alone, those of each version by itself, from the last time that it reported', () => {
    const box = aBox(shell);
    for (let n = 0; n < 20; n++) expect(box.start('status').copy).toBe(newOne);
    for (let n = 0; n < 5; n++) box.start('daemon');
    rmSync(box.at('run/opq-updater/starts-1.3.0'));
    for (let n = 0; n < 5; n++) expect(box.start('daemon').copy).toBe(newOne);
    box.put('opt/opq-updater/1.4.0/opq-updater.js');
    box.link('1.4.0');
    expect(box.start('daemon').copy).toBe('opt/opq-updater/1.4.0/opq-updater.js');
    expect(readFileSync(box.at('run/opq-updater/starts-1.4.0'), 'utf8')).toBe('1\n');
  });

  it.each(['', '\n', 'x', '08', '-1', '99999999999999999999', '$(reboot)', '\0\0'])(
    'starts the version in use when the count is %j',
    (count) => {
      const box = aBox(shell);
      box.put('run/opq-updater/starts-1.3.0', count);
      expect(box.start('daemon')).toEqual({ copy: newOne, words: ['daemon'], stderr: '', status: 0 });
      expect(readFileSync(box.at('run/opq-updater/starts-1.3.0'), 'utf8')).toBe('1\n');
    },
  );

  it('starts it all the same where nothing can be counted', () => {
    const box = aBox(shell);
    box.put('run', 'a file in place of the folder');
    for (let n = 0; n < 7; n++) expect(box.start('daemon')).toMatchObject({ copy: newOne, stderr: '', status: 0 });
  });
});
