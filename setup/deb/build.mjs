// npm run deb: dist/opq-box-updater_<version>_all.deb, the same bytes from the same tree on any machine.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, lutimes, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { contents } from './contents.mjs';
import { controlFiles } from './control.mjs';

const repo = fileURLToPath(new URL('../..', import.meta.url));

try {
  console.log(await buildDeb(parseArgs({ options: { out: { type: 'string', default: join(repo, 'dist') } } }).values));
} catch (error) {
  console.error(`deb: ${error.message}`);
  process.exitCode = 1;
}

/** @returns path of the package */
async function buildDeb({ out }) {
  const { version } = JSON.parse(await readFile(join(repo, 'package.json'), 'utf8'));
  const about = { repo, version: version.replaceAll('-', '~'), epochS: sourceDate() };
  process.umask(0o022);
  const stage = await mkdtemp(join(tmpdir(), 'opq-deb-'));
  try {
    await chmod(stage, 0o755);
    const entries = await contents(about);
    const sums = [];
    for (const entry of entries) {
      const bytes = await place(stage, entry);
      if (bytes) sums.push(`${createHash('md5').update(bytes).digest('hex')}  ${entry.path}\n`);
    }
    for (const entry of await controlFiles(about, entries, sums.join(''))) await place(stage, entry);
    await pin(stage, about.epochS);
    const deb = join(out, `opq-box-updater_${about.version}_all.deb`);
    await mkdir(out, { recursive: true });
    run('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z9', '--build', stage, deb], about.epochS);
    return deb;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

/** The date of everything inside: SOURCE_DATE_EPOCH, else the last commit, else a fixed day (an unpacked archive). */
function sourceDate() {
  const { SOURCE_DATE_EPOCH } = process.env;
  if (SOURCE_DATE_EPOCH !== undefined) {
    if (/^\d{1,10}$/.test(SOURCE_DATE_EPOCH)) return Number(SOURCE_DATE_EPOCH);
    throw new Error(`SOURCE_DATE_EPOCH has to be seconds since 1970, found "${SOURCE_DATE_EPOCH}".`);
  }
  try {
    // Root may build in the checkout of another user (sudo): git would not look at it without this.
    const git = ['-c', 'safe.directory=*', 'log', '-1', '--format=%ct'];
    return Number(execFileSync('git', git, { cwd: repo, stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' }));
  } catch {
    return 1_767_225_600; // no git, or no repository: 2026-01-01
  }
}

/** Puts one entry on the stage. @returns the bytes of a file */
async function place(stage, { path, mode, link, text, gzip }) {
  const target = join(stage, path);
  await mkdir(text === undefined && !link ? target : dirname(target), { recursive: true });
  if (link) return void (await symlink(link, target));
  if (text === undefined) return void (await chmod(target, mode));
  // The gzip program, not Node's zlib, whose bytes differ between versions and processors.
  const bytes = gzip ? execFileSync('gzip', ['-n9'], { input: text }) : Buffer.from(text);
  await writeFile(target, bytes);
  await chmod(target, mode);
  return bytes;
}

/** dpkg-deb only brings forward what is newer than SOURCE_DATE_EPOCH. */
async function pin(stage, epochS) {
  const paths = execFileSync('find', [stage, '-depth', '-print0'], { encoding: 'utf8' }).split('\0').filter(Boolean);
  for (const path of paths) await lutimes(path, epochS, epochS);
}

function run(program, args, epochS) {
  try {
    execFileSync(program, args, {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epochS), LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } catch (cause) {
    const missing = cause.code === 'ENOENT';
    throw new Error(missing ? `${program} is missing; on Debian: apt-get install dpkg` : `${program} failed.`, {
      cause,
    });
  }
}
