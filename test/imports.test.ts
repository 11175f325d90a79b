import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const repo = fileURLToPath(new URL('..', import.meta.url));

interface Import {
  readonly file: string;
  /** A file of ours relative to the repository, or the name of a package. */
  readonly what: string;
  /** Only its types: gone when the program runs. */
  readonly typeOnly: boolean;
}

const files = ['protocol', 'daemon', 'ui', 'server', 'systemd', 'setup'].flatMap((folder) =>
  readdirSync(join(repo, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'))
    .map((file) => join(folder, file)),
);
const imports = files.flatMap(importsOf);

function importsOf(file: string): Import[] {
  const text = readFileSync(join(repo, file), 'utf8');
  const found = text.matchAll(/(?:^|\n)\s*(import|export)(\s+type)?\s[^;'"]*?from\s+'([^']+)'|import\('([^']+)'\)/g);
  return [...found].map(([, , type, from, lazy]) => {
    const name = from ?? lazy ?? '';
    const own = name.startsWith('.');
    const what = own ? relative(repo, join(repo, dirname(file), name)) : packageOf(name);
    return { file, what, typeOnly: type !== undefined };
  });
}

function packageOf(name: string): string {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/');
}
const ours = ({ what }: Import) => what.includes('/') && !what.startsWith('@') && !what.startsWith('node:');

/** Who may import whom, of our own folders (everyone may import their own). The longest prefix counts. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  daemon: ['protocol', 'systemd/restore.sh', 'systemd/script-end.sh', 'systemd/start.sh', 'package.json'],
  ui: ['protocol', 'package.json'],
  // Built for the browser; how, is for the build alone.
  'ui/page': ['protocol'],
  'ui/cli.ts': ['protocol', 'ui', 'daemon/main.ts', 'daemon/work/main.ts'],
  server: ['protocol', 'package.json'],
  // Its rehearsals unpack as a box does, ask what it lets a script write, and undo as it does.
  'server/release': [
    ...['protocol', 'daemon/box', 'daemon/package/staging.ts', 'daemon/writable.ts', 'systemd/restore.sh'],
    'package.json',
  ],
};

it('lets every folder import only what the table allows', () => {
  const wrong = imports.filter(ours).filter(({ file, what }) => {
    const rows = Object.keys(mayImport).filter((row) => file === row || file.startsWith(`${row}/`));
    const row = rows.sort((a, b) => b.length - a.length)[0]!;
    const allowed = [row, ...mayImport[row]!];
    return !allowed.some((prefix) => what === prefix || what.startsWith(`${prefix}/`));
  });
  expect(wrong).toEqual([]);
});

/** Libraries that belong behind one door. */
const doors: Readonly<Record<string, RegExp>> = {
  execa: /^(daemon\/box\/|server\/release\/bzip2\.ts)/,
  got: /^daemon\/channel\//,
  tar: /^(protocol\/archive|server\/release\/)/,
  'tuf-js': /^daemon\/channel\/tuf/,
  '@tufjs/models': /^server\/release\/tuf\//,
  'unbzip2-stream': /^daemon\/box\/decode\.ts/,
  systeminformation: /^daemon\/box\/machine\.ts/,
  bullmq: /^server\/attended\/bullmq-queue\.ts/,
  'prom-client': /^server\/monitoring\/metrics\.ts/,
  koa: /^(server|ui\/web)\//,
  'koa-router': /^(server|ui\/web)\//,
  'node-cron': /^(daemon\/cron-times|protocol\/config-keys)\.ts/,
};

it('keeps each library behind its door', () => {
  const wrong = imports.filter(({ file, what, typeOnly }) => !typeOnly && doors[what] && !doors[what].test(file));
  expect(wrong).toEqual([]);
});

/** What changes a disk; `open` may. */
const writers =
  /^(append|chmod|chown|copy|cp|createWrite|fchmod|ftruncate|futimes|lchown|link|lutimes|mk|open|rename|rm|symlink|truncate|unlink|utimes|write|promises|default)/;
/** Who writes past the door, and why it does not matter there. */
const passDoor: Readonly<Record<string, string>> = {
  'daemon/files.ts': 'is the door',
  'daemon/files-at-once.ts': 'is the door for who writes thousands of small files',
  'daemon/log.ts': 'for people: nothing that decides reads it, and it must go on when all else fails',
  'daemon/control/server.ts': 'its sockets, in memory',
  'daemon/box/scratch/': 'plays a box, and is on none',
};

it('lets the daemon write to the disk through one door', () => {
  const wrong = files
    .filter((file) => file.startsWith('daemon/') && !Object.keys(passDoor).some((row) => file.startsWith(row)))
    .flatMap((file) => namesFromFs(file).map((name) => `${file}: ${name}`))
    .filter((use) => writers.test(use.split(': ')[1]!));
  expect(wrong).toEqual([]);
});

/** What a file takes of node:fs when it runs; a namespace gives all of it. */
function namesFromFs(file: string): string[] {
  const text = readFileSync(join(repo, file), 'utf8');
  const whole =
    /\*\s+as\s+\w+\s+from\s+'node:fs|import\s+\w+(,[^']*)?\s+from\s+'node:fs|(import|require)\(\s*'node:fs/.test(text);
  const named = [...text.matchAll(/import\s+\{([^}]*)\}\s+from\s+'node:fs(?:\/promises)?'/g)];
  const names = named.flatMap(([, list]) => list!.split(',').map((name) => name.trim()));
  return [...names.filter((name) => name && !name.startsWith('type ')), ...(whole ? ['default'] : [])];
}

/** The words; tables with a schema would bring its checker along. */
const browserMayRun = (what: string): boolean =>
  what.startsWith('ui/page/') ||
  ['protocol/words.ts', 'protocol/page.ts', 'protocol/misfits.ts', 'protocol/version.ts'].includes(what);

it('brings nothing into the browser but preact and what is pure', () => {
  const inBrowser = imports.filter(({ file, typeOnly }) => file.startsWith('ui/page/') && !typeOnly);
  const strange = inBrowser.filter(
    ({ file, what }) => file !== 'ui/page/vite.config.ts' && what !== 'preact' && !browserMayRun(what),
  );
  expect(strange).toEqual([]);
});

it('reads files, sockets and clock outside of protocol only', () => {
  const impure = /^node:(fs|net|http|https|child_process|os|process|timers|worker_threads|dns|tls)/;
  expect(imports.filter(({ file, what }) => file.startsWith('protocol/') && impure.test(what))).toEqual([]);
  for (const file of files.filter((name) => name.startsWith('protocol/'))) {
    expect(readFileSync(join(repo, file), 'utf8'), file).not.toMatch(/Date\.now|new Date\(\)|process\.|performance\./);
  }
});

it('reads environment and arguments in the mains alone', () => {
  const mains = [
    'daemon/main.ts',
    'server/main.ts',
    'server/attended/worker.ts',
    'server/release/cli.ts',
    'ui/cli/main.ts',
    'ui/cli.ts',
    'ui/web/main.ts',
  ];
  const readers = files.filter((file) => /process\.(env|argv)\b/.test(readFileSync(join(repo, file), 'utf8')));
  expect(readers.filter((file) => !mains.includes(file))).toEqual([]);
});

it('judges JSON by schemas that know a list from an object: one file alone takes them from valibot', () => {
  const takers = files.filter((file) => /from 'valibot'/.test(readFileSync(join(repo, file), 'utf8')));
  expect(takers).toEqual(['protocol/schema.ts']);
});

it('has no file that more than one head is needed for', () => {
  // The words of the page are one file, for those who translate them.
  const short = files.filter((file) => file !== 'ui/page/strings.ts');
  const long = short.filter((file) => readFileSync(join(repo, file), 'utf8').split('\n').length > 251);
  expect(long).toEqual([]);
});
