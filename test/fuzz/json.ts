import type { Random } from './random.ts';

/** What JSON means, read by a second hand: nothing is shared with JSON.parse or with the code under test. */
export interface StrictJson {
  readonly value: unknown;
  /** The top object has a key twice. */
  readonly twice: boolean;
}

const numberForm = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const stringForm = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** @returns undefined when it is not JSON @see RFC 8259 */
export function strictJson(bytes: Buffer, { bom }: { bom: boolean }): StrictJson | undefined {
  const source = bom && bytes.subarray(0, 3).equals(Buffer.from('efbbbf', 'hex')) ? bytes.subarray(3) : bytes;
  const text = source.toString('utf8');
  // Broken UTF-8 does not come back as it was.
  if (!Buffer.from(text).equals(source)) return undefined;
  let at = 0;
  let twice = false;
  const fail = () => new SyntaxError('not JSON');
  const blank = () => {
    while (' \t\n\r'.includes(text[at] ?? 'x')) at++;
  };
  const take = (form: RegExp): string => {
    form.lastIndex = at;
    const found = form.exec(text)?.[0];
    if (found === undefined) throw fail();
    at += found.length;
    return found;
  };
  const literal = (word: string, value: unknown) => {
    if (!text.startsWith(word, at)) throw fail();
    at += word.length;
    return value;
  };
  const string = (): string =>
    take(stringForm)
      .slice(1, -1)
      .replace(/\\(?:u(....)|(.))/g, (_, hex, one) =>
        hex ? String.fromCharCode(Number.parseInt(hex, 16)) : (escapes[one] ?? one),
      );
  const list = (end: string, item: () => void) => {
    at++;
    blank();
    if (text[at] === end) return void at++;
    for (;;) {
      item();
      blank();
      const then = text[at++];
      if (then === end) return;
      if (then !== ',') throw fail();
      blank();
    }
  };
  const value = (depth: number): unknown => {
    blank();
    switch (text[at]) {
      case '{': {
        const found = new Map<string, unknown>();
        list('}', () => {
          const key = string();
          if (depth === 0 && found.has(key)) twice = true;
          blank();
          literal(':', null);
          found.set(key, value(depth + 1));
        });
        return found;
      }
      case '[': {
        const found: unknown[] = [];
        list(']', () => void found.push(value(depth + 1)));
        return found;
      }
      case '"':
        return string();
      case 't':
        return literal('true', true);
      case 'f':
        return literal('false', false);
      case 'n':
        return literal('null', null);
      default:
        return Number(take(numberForm));
    }
  };
  try {
    const found = value(0);
    blank();
    return at === text.length ? { value: found, twice } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const odd = [null, true, 0, -1, 1.5, 1e21, '', ' ', '..', '/', '\0', '\u202e', 'é', '<html>', 'x'.repeat(300), [], {}];

/** Any small JSON value. */
export function anyJson(random: Random, depth = 0): unknown {
  if (depth > 2 || !random.oneIn(3)) return random.pick(odd);
  const items = Array.from({ length: random.below(4) }, () => anyJson(random, depth + 1));
  if (random.oneIn(2)) return items;
  return Object.fromEntries(items.map((item, n) => [random.pick(['a', '__proto__', 'constructor', `k${n}`]), item]));
}

/** Words that JSON readers have stumbled over. */
export const jsonWords = ['{', '}', '[', ']', '"', ',', ':', 'null', 'true', '1e999', '-0', '\\u0000', '\\ud800', '"__proto__":', '{"a":', '\ufeff', '\u2028', '//', '[[[[[[[[', '"version":']; // biome-ignore format: one line
