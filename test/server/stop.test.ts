import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageName, signatureName } from '../../protocol/version.ts';
import { listen } from '../../server/listen.ts';

it('cuts a download that does not finish within its bound', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'opq-updates-'));
  await writeFile(join(dir, packageName(1_550_190_683)), '');
  await truncate(join(dir, packageName(1_550_190_683)), 64 * 1024 * 1024);
  await writeFile(join(dir, signatureName(1_550_190_683)), 'signature');
  const server = await listen({ port: 0, updates_dir: dir, host: '127.0.0.1' });
  const download = await fetch(`${server.url}/update/1550190683`);
  await server.stop(200);
  await expect(download.arrayBuffer()).rejects.toThrow();
  await rm(dir, { recursive: true });
});
