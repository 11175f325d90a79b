// node bench/attended-build.mjs [PAIRS] [MEGABYTES]: a build on demand beside "tar | bzip2 -9" of the same tree, in turn.
import { execFileSync, fork, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [pairs = 3, megabytes = 60] = process.argv.slice(2).map(Number);
const dist = new URL('../dist/', import.meta.url).pathname;
const root = mkdtempSync(join(tmpdir(), 'opq-bench-'));
const opqRelease = (...args) =>
  execFileSync(process.execPath, [join(dist, 'opq-release.js'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });

try {
  const source = join(root, 'source');
  mkdirSync(source);
  // Half of it packs well and half hardly, as programs and their data do.
  const words = 'read write open close frequency voltage harmonic trigger event phase '.repeat(8000);
  for (let i = 0; i < megabytes; i++) {
    const half = 500_000;
    const noise = randomBytes(half / 2)
      .toString('latin1')
      .slice(0, half / 2);
    writeFileSync(
      join(source, `file-${i}`),
      Buffer.concat([
        Buffer.from(words.slice(i, i + half)),
        Buffer.from(noise, 'latin1'),
        Buffer.from(words.slice(0, half / 2)),
      ]),
    );
  }
  for (const name of ['keys', 'builder']) opqRelease('keygen', join(root, name));
  const store = join(root, 'store');
  opqRelease(
    ...[
      'component',
      'build',
      source,
      '--name',
      'firmware',
      '--version',
      '1',
      '--release',
      '1550190683',
      '--hardware',
      'rpi/3',
      '--to',
      store,
    ],
  );
  opqRelease('component', 'index', store);
  opqRelease('component', 'sign', store, '--key', join(root, 'keys/private_key.pem'));
  const [component] = JSON.parse(readFileSync(join(store, 'index.json'))).components;
  const settings = {
    store_dir: store,
    cache_dir: join(root, 'cache'),
    builder_key_path: join(root, 'builder/private_key.pem'),
    index_key_path: join(root, 'keys/public_key.pem'),
    build_timeout_s: 3600,
  };
  const content = join(store, 'components', readdirSync(join(store, 'components'))[0], 'content');

  const worker = fork(join(dist, 'opq-attended-worker.js'), [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const heard = (key) =>
    new Promise((resolve, reject) => {
      const listen = (message) => {
        if (message.failed) reject(new Error(message.message));
        if (!(key in message)) return;
        worker.off('message', listen);
        resolve(message[key]);
      };
      worker.on('message', listen);
    });
  worker.send({ settings });
  await heard('ready');

  const ratios = [];
  for (let pair = 0; pair < pairs; pair++) {
    const { name, version, sha256 } = component;
    const plan = {
      distro: 'opq',
      version: 1550190683,
      target: 'rpi/3',
      profile: `run-${pair}`,
      components: [{ name, version, sha256 }],
      defaults: null,
      max_bytes: 1e9,
    };
    const startMs = performance.now();
    worker.send({ plan });
    await heard('done');
    const buildMs = performance.now() - startMs;
    const plainStartMs = performance.now();
    const { status } = spawnSync('sh', [
      '-c',
      'tar -cf - -C "$1" . | bzip2 -9 > "$2" && sync "$2"',
      'sh',
      content,
      join(root, 'plain.tar.bz2'),
    ]);
    if (status !== 0) throw new Error('tar | bzip2 failed');
    const plainMs = performance.now() - plainStartMs;
    ratios.push(buildMs / plainMs);
    console.log(
      `pair ${pair + 1}: build ${Math.round(buildMs)} ms, tar | bzip2 -9 ${Math.round(plainMs)} ms, ratio ${(buildMs / plainMs).toFixed(3)}`,
    );
  }
  const peak = (file, key) =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${worker.pid}/${file}`, 'utf8'))?.[1]) / 1000;
  ratios.sort((a, b) => a - b);
  console.log(
    `median ratio ${ratios[Math.floor(ratios.length / 2)].toFixed(3)}; worker: peak RSS ${peak('status', 'VmHWM').toFixed(0)} MB, PSS now ${peak('smaps_rollup', 'Pss').toFixed(0)} MB`,
  );
  const hashes = readdirSync(join(root, 'cache/images')).map((hash) =>
    createHash('sha256')
      .update(readFileSync(join(root, 'cache/images', hash, 'opq-box-update-1550190683.tar.bz2')))
      .digest('hex'),
  );
  console.log(
    `${hashes.length} builds, ${new Set(hashes).size} different ${new Set(hashes).size === 1 ? 'image' : 'images'}`,
  );
  worker.kill();
} finally {
  rmSync(root, { recursive: true, force: true });
}
