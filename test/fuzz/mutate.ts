import type { Random } from './random.ts';

type Change = (bytes: Buffer, random: Random, words: readonly (string | Buffer)[]) => Buffer;

/** A place in the bytes, the end included. */
const place = (bytes: Buffer, random: Random) => random.below(bytes.length + 1);
const splice = (bytes: Buffer, at: number, remove: number, put: Uint8Array) =>
  Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + remove)]);

const changes: readonly Change[] = [
  function flipBit(bytes, random) {
    const at = place(bytes, random);
    return splice(bytes, at, 1, Buffer.from([(bytes[at] ?? 0) ^ (1 << random.below(8))]));
  },
  function setByte(bytes, random) {
    return splice(bytes, place(bytes, random), 1, Buffer.from([random.pick([0, 9, 10, 13, 32, 34, 47, 92, 127, 255])]));
  },
  function anyByte(bytes, random) {
    return splice(bytes, place(bytes, random), 1, random.bytes(1));
  },
  function insert(bytes, random) {
    return splice(bytes, place(bytes, random), 0, random.bytes(1 + random.below(8)));
  },
  function remove(bytes, random) {
    return splice(bytes, place(bytes, random), 1 + random.below(8), Buffer.alloc(0));
  },
  function cutOff(bytes, random) {
    return bytes.subarray(0, place(bytes, random));
  },
  function repeat(bytes, random) {
    const from = place(bytes, random);
    const piece = bytes.subarray(from, from + 1 + random.below(64));
    return splice(bytes, place(bytes, random), 0, piece);
  },
  function word(bytes, random, words) {
    return words.length === 0 ? bytes : splice(bytes, place(bytes, random), 0, Buffer.from(random.pick(words)));
  },
  function wordInPlace(bytes, random, words) {
    if (words.length === 0) return bytes;
    const put = Buffer.from(random.pick(words));
    return splice(bytes, place(bytes, random), put.length, put);
  },
  function otherNumber(bytes, random) {
    const numbers = [...bytes.toString('latin1').matchAll(/\d+/g)];
    if (numbers.length === 0) return bytes;
    const { index, 0: digits } = random.pick(numbers);
    const put = random.pick(['0', '-1', '00', '1e9', '1.5', '4294967296', '9007199254740993', `${digits}0`, '1'.repeat(400)]); // biome-ignore format: one line
    return splice(bytes, index, digits.length, Buffer.from(put));
  },
];

/** Bytes that were good, with one to six faults in them. */
export function mutate(bytes: Buffer, random: Random, words: readonly (string | Buffer)[] = []): Buffer {
  let changed = bytes;
  for (let n = 1 + random.below(6); n > 0; n--) changed = random.pick(changes)(changed, random, words);
  return changed;
}
