import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { bestDecoder, type Decoder, decode } from '../../../daemon/box/decode.ts';
import { bzip2, decodersHere } from '../../support/a-release.ts';
import { codeOf } from '../../support/error-of.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'opq-decode-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
});

async function decoded(packed: Buffer, decoder: Decoder): Promise<Buffer> {
  await writeFile(join(dir, 'packed'), packed);
  const file = await open(join(dir, 'packed'));
  try {
    const chunks: Uint8Array[] = [];
    for await (const chunk of decode(file, decoder)) chunks.push(Uint8Array.from(chunk));
    return Buffer.concat(chunks);
  } finally {
    await file.close();
  }
}

/** A folder of programs that is all there is to find. */
async function programs(rows: Record<string, string>): Promise<void> {
  const before = process.env.PATH;
  onTestFinished(() => {
    process.env.PATH = before;
  });
  for (const [name, what] of Object.entries(rows)) {
    if (what.startsWith('/')) await symlink(what, join(dir, name));
    else await writeFile(join(dir, name), `#!/bin/sh\n${what}\n`).then(() => chmod(join(dir, name), 0o755));
  }
  process.env.PATH = dir;
}

describe.each(decodersHere)('%s', (decoder) => {
  const contents: [string, Buffer][] = [
    ['one byte', Buffer.from('x')],
    ['all bytes', Buffer.from(Array.from({ length: 256 }, (_, n) => n))],
    ['several blocks', randomBytes(1_200_000)],
    ['long runs', Buffer.alloc(2_000_000)],
    ['runs of every length', Buffer.concat(Array.from({ length: 600 }, (_, n) => Buffer.alloc(n, n & 1)))],
  ];
  it.each(contents)('gives back %s', async (_, content) => {
    expect((await decoded(bzip2(content), decoder)).equals(content)).toBe(true);
  });

  it('ends when its reader has seen enough', async () => {
    await writeFile(join(dir, 'packed'), bzip2(randomBytes(1_500_000)));
    const file = await open(join(dir, 'packed'));
    for await (const chunk of decode(file, decoder)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await file.close();
  });
});

it('gives the same whatever decodes, good or altered', () => {
  const content = fc.uint8Array({ maxLength: 3000 });
  const change = fc.option(fc.record({ at: fc.nat(), to: fc.nat(255) }));
  return fc.assert(
    fc.asyncProperty(content, change, async (bytes, altered) => {
      const packed = bzip2(Buffer.from(bytes));
      if (altered) packed[altered.at % packed.length] = altered.to;
      const results: string[] = [];
      for (const decoder of decodersHere) {
        results.push(
          await decoded(packed, decoder).then(
            (all) => all.toString('hex'),
            (error) => error.code,
          ),
        );
      }
      expect(results).toEqual(results.map(() => results[0]));
    }),
    { numRuns: 25 },
  );
});

const real = (name: string) => execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();

describe('which decoder is best', () => {
  it('is what decodes fastest of what is installed, or what is built in', async () => {
    const [bzip2Here, stdbuf] = [real('bzip2'), real('stdbuf')];
    await programs({});
    expect(await bestDecoder()).toBe('builtin');
    await programs({ bzip2: bzip2Here });
    expect(await bestDecoder()).toBe('builtin'); // what enlarges its buffer is missing
    await programs({ stdbuf });
    expect(await bestDecoder()).toBe('bzip2');
    await programs({ lbzip2: 'exit 0' });
    expect(await bestDecoder()).toBe('lbzip2');
  });

  it('is not one that is there and does not run', async () => {
    await programs({ lbzip2: 'exit 127', bzip2: 'kill -9 $$', stdbuf: real('stdbuf') });
    expect(await bestDecoder()).toBe('builtin');
  });
});

it('does not call a package corrupt because the decoder was killed', async () => {
  const packed = bzip2(Buffer.from('x'));
  await programs({ bzip2: 'kill -9 $$', stdbuf: real('stdbuf') });
  expect(await codeOf(decoded(packed, 'bzip2'))).toBe('INTERNAL');
  await programs({ lbzip2: 'echo no such thing >&2; exit 1' });
  expect(await codeOf(decoded(packed, 'lbzip2'))).toBe('ARCHIVE_CORRUPT');
});
