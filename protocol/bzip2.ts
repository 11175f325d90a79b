import { UpdateError } from './errors.ts';

/** Begins a block and the end of a stream: the digits of pi and of its square root, 48 bits each. */
const blockMagic = Buffer.from('314159265359', 'hex');
const endMagic = Buffer.from('177245385090', 'hex');
/** `BZh`, the block size, and one of the two: the beginning of a stream is unmistakable at 10 bytes. */
const startBytes = 10;
/** Magic and checksum of the end are 80 bits, closed by up to 7 bits that fill the last byte. */
const endBytes = 11;
/** Of the beginning of a chunk: enough to see a start that began in the one before, or what it is instead. */
const seamBytes = 16;

/** What a publisher may have packed by mistake, by its first bytes. */
const lookAlikes: readonly (readonly [RegExp, string])[] = [
  [/^\x1f\x8b/, 'gzip'],
  [/^PK\x03\x04/, 'a zip archive'],
  [/^\xfd7zXZ/, 'xz'],
  [/^\x28\xb5\x2f\xfd/, 'zstd'],
  [/^\s*</, 'a web page'],
  [/^(opq-box-update-|\.\/)/, 'a tar archive that is not packed'],
];

/**
 * Checks that packed bytes are one whole bzip2 stream from first to last byte, while they stream past. Decoders stop
 * at the end of the first stream or go on into a second as they please, and one of them takes an empty file for an
 * empty archive; of a file that passes here all see the same. Whether the blocks inside hold is the decoder's to say.
 * Shape: `push` every chunk in order, then `end` once.
 * @throws UpdateError ARCHIVE_CORRUPT, saying what the bytes look like instead
 */
export function oneBzip2Stream(): { push(chunk: Uint8Array): void; end(): void } {
  // The last bytes seen: enough for a start that is split between chunks, and for the end.
  let tail = Buffer.alloc(0);
  let totalBytes = 0;

  /** @param from where these bytes are in the file */
  function mustNotBeginAgain(bytes: Buffer, from: number): void {
    for (let at = bytes.indexOf('BZh'); at >= 0; at = bytes.indexOf('BZh', at + 1)) {
      if (from + at > 0 && isStart(bytes, at)) {
        throw corrupt(`a second bzip2 stream begins at byte ${from + at}; pack it with bzip2 -9`);
      }
    }
  }

  return {
    push(chunk) {
      // Looked at where they are: a copy of each would be 256 kB of garbage at a time.
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const seam = Buffer.concat([tail, bytes.subarray(0, seamBytes)]);
      const seamAt = totalBytes - tail.length;
      if (seamAt === 0 && !isStart(seam, 0) && (seam.length >= startBytes || notAStart(seam))) throw notBzip2(seam);
      mustNotBeginAgain(seam, seamAt);
      mustNotBeginAgain(bytes, totalBytes);
      totalBytes += bytes.length;
      tail = Buffer.from((bytes.length < seamBytes ? seam : bytes).subarray(-endBytes));
    },
    end() {
      if (totalBytes < startBytes) throw totalBytes === 0 ? corrupt('it is empty') : notBzip2(tail);
      if (!endsHere(tail)) throw corrupt('it is cut off, or something follows the bzip2 stream');
    },
  };
}

function isStart(bytes: Buffer, at: number): boolean {
  if (bytes.length < at + startBytes) return false;
  if (bytes.toString('latin1', at, at + 3) !== 'BZh') return false;
  const blockSize = bytes[at + 3]!;
  if (blockSize < 0x31 || blockSize > 0x39) return false;
  const magic = bytes.subarray(at + 4, at + startBytes);
  return magic.equals(blockMagic) || magic.equals(endMagic);
}

/** Fewer bytes than a start has, and wrong already. */
const notAStart = (bytes: Buffer) => !'BZh'.startsWith(bytes.toString('latin1', 0, 3));

/** Whether the end magic lies exactly 80 to 87 bits before the end, and the bits that fill the last byte are zero. */
function endsHere(tail: Buffer): boolean {
  const bits = BigInt(`0x${tail.toString('hex')}`);
  for (let padding = 0n; padding < 8n; padding++) {
    const filled = bits & ((1n << padding) - 1n);
    const magic = (bits >> (32n + padding)) & 0xffff_ffff_ffffn;
    if (filled === 0n && magic === 0x1772_4538_5090n) return true;
  }
  return false;
}

function notBzip2(head: Buffer): UpdateError {
  const text = head.toString('latin1');
  const lookAlike = lookAlikes.find(([pattern]) => pattern.test(text))?.[1];
  const found = lookAlike ?? `bytes ${head.subarray(0, startBytes).toString('hex')}`;
  return corrupt(`expected bzip2 (BZh and a digit), found ${found}`);
}

const corrupt = (what: string) =>
  new UpdateError('ARCHIVE_CORRUPT', `The package is not one whole bzip2 stream: ${what}.`);
