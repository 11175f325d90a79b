import { createHash, createSign, type KeyObject } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultArchiveLimits, readArchive } from '../../protocol/archive.ts';
import { type Component, indexName, indexSignatureName, verifyIndex } from '../../protocol/component-index.ts';
import { errorCodes } from '../../protocol/error-codes.ts';
import { asUpdateError, UpdateError } from '../../protocol/errors.ts';
import type { PublicKey } from '../../protocol/keys.ts';
import { misfits } from '../../protocol/misfits.ts';
import { encodeSignature, signBytes } from '../../protocol/signature.ts';
import { packageName } from '../../protocol/version.ts';
import { packed } from '../release/bzip2.ts';
import { tap } from '../release/chunks.ts';
import { contentOf, folderOf, imageRows, watched } from '../release/component-store.ts';
import { below } from '../release/content-tree.ts';
import { syncFolder } from '../release/put-file.ts';
import { tarOf } from '../release/tar-writer.ts';
import { type About, aboutName, type Outcome, readAbout } from './about.ts';
import { imageHash, type Plan } from './plan.ts';

/** What a builder has: the store to read, its key, and a folder for what it builds. */
export interface Workbench {
  readonly storeDir: string;
  readonly imagesDir: string;
  /** Of releases: what the component index is signed with. */
  readonly indexKeys: readonly PublicKey[];
  /** Of this builder. */
  readonly builderKey: KeyObject;
  readonly nowMs: () => number;
  /** Takes what went wrong, with all its paths: for the log of the worker, not for clients. */
  readonly log: (line: string) => void;
}

/**
 * Builds one image, or finds out why there is none; the folder of the result appears whole, by one rename.
 * It signs nothing but components of the signed index, whatever the queue says: the plan is only what to choose.
 * @param packing called when the preparations are over
 */
export async function build(plan: Plan, bench: Workbench, packing: () => void): Promise<About> {
  const hash = imageHash(plan);
  const startedMs = bench.nowMs();
  const folder = join(bench.imagesDir, hash);
  const temp = join(bench.imagesDir, `.${hash}.${process.pid}`);
  // As after a power cut between the end of the build and that of its job.
  const there = await readAbout(folder);
  if (there) return there;
  await rm(temp, { recursive: true, force: true });
  await mkdir(temp, { recursive: true });
  try {
    const made = await attempt(plan, bench, temp, packing);
    const log = `${made.image ? 'build' : 'fail'}log-${hash}.txt`;
    await writeFile(join(temp, log), logText(plan, made));
    const files = [...made.files, log];
    const sizes = await Promise.all(files.map(async (name) => (await stat(join(temp, name))).size));
    const sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
    const builtAtMs = bench.nowMs();
    const about: About = { ...made, plan, files, log, sizeBytes, builtAtMs, buildMs: builtAtMs - startedMs };
    await writeFile(join(temp, aboutName), JSON.stringify(about));
    await syncAll(temp, [...files, aboutName]);
    return await appear(temp, folder, about);
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

/** The result of a build that never came to an end by itself. */
export async function buildGivenUp(plan: Plan, imagesDir: string, nowMs: number): Promise<void> {
  const hash = imageHash(plan);
  const error = 'the build was begun several times and never ended';
  const temp = join(imagesDir, `.${hash}.given-up`);
  const log = `faillog-${hash}.txt`;
  const made: Made = { outcome: 'failed', error, files: [log], image: null };
  const about: About = { ...made, plan, log, sizeBytes: 0, builtAtMs: nowMs, buildMs: 0 };
  await mkdir(temp, { recursive: true });
  await writeFile(join(temp, log), logText(plan, made));
  await writeFile(join(temp, aboutName), JSON.stringify(about));
  await appear(temp, join(imagesDir, hash), about);
}

type Made = Pick<About, 'outcome' | 'error' | 'files' | 'image'>;

async function attempt(plan: Plan, bench: Workbench, temp: string, packing: () => void): Promise<Made> {
  const without = (outcome: Outcome, error: string): Made => ({ outcome, error, files: [], image: null });
  try {
    if (plan.components.length === 0) return without('nothing', 'no component is left to install');
    const chosen = await listed(plan, bench);
    const complaints = misfits(chosen);
    if (complaints.length > 0) return without('conflict', complaints.join('; '));
    const name = packageName(plan.version);
    const sha256 = await pack(plan, chosen, bench, join(temp, name), packing);
    if (sha256 === undefined)
      return without('too-large', `the image is over the ${plan.max_bytes} bytes of this hardware`);
    const sums = `${sha256}  ${name}\n`;
    await writeFile(join(temp, 'sha256sums'), sums);
    await writeFile(join(temp, 'sha256sums.sig'), encodeSignature(signBytes(Buffer.from(sums), bench.builderKey)));
    const files = [name, `${name}.sig`, 'sha256sums', 'sha256sums.sig'];
    return { outcome: 'done', error: null, files, image: { name, sha256 } };
  } catch (thrown) {
    const error = asUpdateError(thrown);
    bench.log(`build of ${imageHash(plan)} failed: ${error.code} ${error.message}`);
    // A full disk is no verdict on the request.
    if (error.code === 'DISK_FULL' || error.code === 'DISK_FAILED') throw error;
    return without('failed', `${error.code}: ${errorCodes[error.code].meaning}`);
  }
}

/** The components of the plan as the index has them, signed by the key of releases at this moment. */
async function listed({ components, target, version }: Plan, bench: Workbench): Promise<Component[]> {
  const [bytes, signature] = await Promise.all([
    readFile(join(bench.storeDir, indexName)),
    readFile(join(bench.storeDir, indexSignatureName), 'latin1'),
  ]);
  const index = verifyIndex(bytes, signature, bench.indexKeys, bench.nowMs() / 1000);
  return components.map((wanted) => {
    const entry = index.components.find(
      ({ name, version: of, sha256, hardware, release }) =>
        name === wanted.name &&
        of === wanted.version &&
        sha256 === wanted.sha256 &&
        hardware.includes(target) &&
        release <= version,
    );
    if (entry) return entry;
    throw new UpdateError(
      'COMPONENT_REFUSED',
      `${wanted.name} ${wanted.version} is not in the signed index for ${target}.`,
    );
  });
}

/** Writes image and signature, each byte of the store read once; the SHA-256 of the image, undefined when it is too large. */
async function pack(plan: Plan, chosen: readonly Component[], bench: Workbench, path: string, packing: () => void) {
  const parts = await Promise.all(
    chosen.map(async (component) => {
      const tree = watched(await below(contentOf(folderOf(bench.storeDir, component)), ''));
      return { component, rows: tree.rows, digest: tree.digest };
    }),
  );
  const rows = imageRows({ version: plan.version, hardware: plan.target, parts, defaults: plan.defaults ?? undefined });
  packing();
  const judge = readArchive(plan.version, defaultArchiveLimits);
  const hash = createHash('sha256');
  const signer = createSign('sha256');
  const file = await open(path, 'wx', 0o644);
  let sizeBytes = 0;
  try {
    for await (const chunk of packed(tap(tarOf(rows, plan.version), judge.push))) {
      sizeBytes += chunk.length;
      if (sizeBytes > plan.max_bytes) break;
      hash.update(chunk);
      signer.update(chunk);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  if (sizeBytes > plan.max_bytes) {
    await rm(path);
    return undefined;
  }
  judge.end();
  for (const { component, digest } of parts) {
    if (digest() === component.sha256) continue;
    throw new UpdateError('COMPONENT_REFUSED', `${component.name} in the store is not what the signed index has.`);
  }
  await writeFile(`${path}.sig`, encodeSignature(signer.sign(bench.builderKey)));
  return hash.digest('hex');
}

function logText(plan: Plan, { outcome, error, image }: Made): string {
  const lines = [
    `release ${plan.version} for ${plan.target}, ${plan.profile}`,
    ...plan.components.map(({ name, version, sha256 }) => `  ${name} ${version} ${sha256}`),
    plan.defaults === null ? 'no defaults' : `defaults, ${Buffer.byteLength(plan.defaults)} bytes`,
    image ? `${outcome}: ${image.name} ${image.sha256}` : `${outcome}: ${error}`,
  ];
  return `${lines.join('\n')}\n`;
}

async function syncAll(folder: string, names: readonly string[]): Promise<void> {
  // All at once: the disk does it in one go.
  await Promise.all(
    names.map(async (name) => {
      const file = await open(join(folder, name), constants.O_RDONLY);
      await file.sync().finally(() => file.close());
    }),
  );
  await syncFolder(folder);
}

/** Another worker may have come first, when the queue took this one for dead: then its result counts. */
async function appear(temp: string, folder: string, about: About): Promise<About> {
  try {
    await rename(temp, folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const other = code === 'ENOTEMPTY' || code === 'EEXIST' ? await readAbout(folder) : undefined;
    if (other === undefined) throw error;
    return other;
  }
  await syncFolder(join(folder, '..'));
  return about;
}
