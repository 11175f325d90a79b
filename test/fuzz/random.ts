/** Choices that look random, and are the same for the same seed. */
export interface Random {
  /** A whole number from 0 to below n. */
  below(n: number): number;
  pick<T>(list: readonly T[]): T;
  /** True once in n. */
  oneIn(n: number): boolean;
  bytes(count: number): Buffer;
}

/** @param seeds one number for the run, one for the case: each case can be made again without those before it */
export function randomOf(...seeds: readonly number[]): Random {
  let state = seeds.reduce((mixed, seed) => scramble(mixed ^ seed), 0x9e3779b9);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    return scramble(state) / 2 ** 32;
  };
  const random: Random = {
    below: (n) => Math.floor(next() * n),
    pick: (list) => list[random.below(list.length)]!,
    oneIn: (n) => random.below(n) === 0,
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => random.below(256))),
  };
  return random;
}

/** Every bit of the answer depends on every bit of the question. */
function scramble(value: number): number {
  let bits = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
