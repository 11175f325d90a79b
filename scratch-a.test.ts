import { it, expect } from 'vitest';
import { execFileSync } from 'node:child_process';
import { open, writeFile } from 'node:fs/promises';
import { decode, decoders } from './daemon/box/decode.ts';
it.each(decoders)('%s', async (d) => {
  await writeFile('/tmp/ch/x', Buffer.alloc(3_000_000, 'abcdefg'));
  execFileSync('bzip2', ['-9kf', '/tmp/ch/x']);
  const f = await open('/tmp/ch/x.bz2');
  let n = 0;
  const t = performance.now();
  for await (const c of decode(f, d)) n += c.length;
  console.log(d, n, performance.now() - t);
  await f.close();
});
