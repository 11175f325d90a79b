/**
 * The updater's own way from a server, or from a file, to an unpacked release: a parent that does nothing, as the
 * daemon is beside it, and the child process that does the work, out of the bundle that boxes get.
 *
 *     node pipeline.mjs BUNDLE FOLDER VERSION PUBLIC-KEY URL|FILE [DECODER]
 */
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Decoder } from '../daemon/box/decode.ts';
import { keepHeapSmall } from '../daemon/small-heap.ts';
import { childWorker } from '../daemon/work/child.ts';

const [bundle, folder, version, keyFile, from, decoder] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  Decoder?,
];
const path = join(folder, 'package.unverified');
const signaturePath = join(folder, 'package.sig');
const keyPems = [readFileSync(keyFile, 'latin1')];
const network = { caPath: null, proxyUrl: null, userAgent: 'opq-updater/bench' };
const maxBytes = 2 ** 30;
const judged = {
  channel: 'detached' as const,
  tufDir: '',
  path,
  signaturePath,
  keyPems,
  version: Number(version),
  stagingPath: join(folder, 'staged'),
  reserveBytes: 0,
  maxUnpackedBytes: 2 ** 31,
  maxEntries: 100_000,
  ...(decoder ? { decoder } : {}),
};

keepHeapSmall();
await mkdir(folder, { mode: 0o700 });
const worker = childWorker(bundle);
if (from.startsWith('http')) {
  const url = `${from}/update/${version}`;
  const limits = { maxBytes, minBytesPerS: 512, longestMs: 86_400_000, patience: { tries: 1, firstWaitMs: 1 } };
  const task = {
    path,
    signaturePath,
    keyPems,
    network,
    url,
    sha256: null,
    signatureUrl: `${url}.sig`,
    sizeBytes: null,
    ...limits,
  };
  await worker.do('download', task);
} else {
  await worker.do('copy', { from, path, signaturePath, maxBytes });
}
const { sha256 } = await worker.do('verify', { ...judged, offeredKeyUrl: null, network });
await worker.do('unpack', { ...judged, sha256, folder: join(folder, 'unpacked'), top: `opq-box-update-${version}` });
worker.close();
