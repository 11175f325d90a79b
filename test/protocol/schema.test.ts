import { expect, it } from 'vitest';
import * as s from '../../protocol/schema.ts';

function wrong(schema: s.Schema, json: unknown): string {
  const judged = s.judge(schema, json);
  return judged.success ? `taken: ${JSON.stringify(judged.data)}` : s.misshapen(judged);
}

const open = s.object({ name: s.optional(s.string()) });

it.each([
  ['object', open],
  ['strictObject', s.strictObject({ name: s.optional(s.string()) })],
  ['looseObject', s.looseObject({ name: s.optional(s.string()) })],
  ['record', s.record(s.string(), s.unknown())],
])('%s takes no list, nothing and no text, at the top or below', (_, schema) => {
  expect(wrong(schema, [])).toBe('is wrong: expected Object, found Array');
  expect(wrong(schema, null)).toBe('is wrong: expected Object, found null');
  expect(wrong(schema, '{}')).toBe('is wrong: expected Object, found "{}"');
  expect(wrong(s.object({ a: schema }), { a: [] })).toBe('is wrong at "a": expected Object, found Array');
  expect(wrong(s.array(s.pipe(schema, s.readonly())), [{}, []])).toBe('is wrong at "1": expected Object, found Array');
  expect(s.judge(schema, {})).toEqual({ success: true, data: {} });
});

it('leaves out, refuses or keeps keys that are not known', () => {
  const given = { name: 'x', other: 1 };
  expect(s.parse(open, given)).toEqual({ name: 'x' });
  expect(s.parse(s.looseObject(open.entries), given)).toEqual(given);
  expect(wrong(s.strictObject(open.entries), given)).toBe('is wrong at "other": no such key');
  const judged = s.judge(s.object({ a: s.strictObject({}) }), { a: { 'b.c': 1 } });
  expect(judged).toMatchObject({ complaints: [{ path: ['a', 'b.c'], unknownKey: true }] });
});

it('gives an object no other prototype than its own', () => {
  const given = JSON.parse('{"__proto__": {"admin": true}, "constructor": "x", "name": "y"}');
  for (const schema of [open, s.looseObject(open.entries)]) {
    const made = s.parse(schema, given) as object;
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
    expect(made).not.toHaveProperty('admin');
  }
  const record = s.record(s.string(), s.unknown());
  expect(wrong(record, given)).toBe('is wrong: __proto__ cannot be a key');
  expect(wrong(s.object({ a: record }), { a: { b: 1, constructor: 'x' } })).toBe(
    'is wrong at "a": constructor cannot be a key',
  );
});

it('takes numbers that are finite, and whole ones that are exact', () => {
  const [endless, inexact] = [JSON.parse('1e999'), JSON.parse('9007199254740993')];
  expect(wrong(s.number(), endless)).toMatch(/^is wrong: expected/);
  expect(wrong(s.int(), endless)).toMatch(/^is wrong: expected/);
  expect(wrong(s.int(), inexact)).toMatch(/^is wrong: expected/);
  expect(wrong(s.int(), 1.5)).toMatch(/^is wrong: expected/);
  expect(wrong(s.int(), '1')).toBe('is wrong: expected number, found "1"');
  expect([s.parse(s.number(), 1.5), s.parse(s.int(s.minValue(0)), 0)]).toEqual([1.5, 0]);
  expect(wrong(s.int(s.minValue(0), s.maxValue(9)), 10)).toBe('is wrong: expected <=9, found 10');
});

it('tells the first thing that is wrong, or all', () => {
  const [schema, json] = [s.array(s.object({ a: s.int(), b: s.int() })), [{ a: 1 }, {}, 3]];
  expect(s.judge(schema, json)).toMatchObject({ complaints: [{ path: ['0', 'b'] }] });
  const all = s.judge(schema, json, true);
  expect(!all.success && all.complaints.map(({ path }) => path.join('.'))).toEqual(['0.b', '1.a', '1.b', '2']);
});

it('reads numbers and flags out of an address', () => {
  const query = s.strictObject({
    lines: s.optional(s.intInText(s.maxValue(9)), 5),
    follow: s.optional(s.flagInText(), 'false'),
  });
  expect(s.parse(query, {})).toEqual({ lines: 5, follow: false });
  expect(s.parse(query, { lines: '7', follow: 'true' })).toEqual({ lines: 7, follow: true });
  for (const lines of ['10', 'x', '1.5', [], {}, null, true]) expect(s.judge(query, { lines }).success).toBe(false);
  for (const follow of ['1', '', true]) expect(s.judge(query, { follow }).success).toBe(false);
});

it('says what is wrong in words that are short and safe to show', () => {
  const name = s.object({ name: s.string(s.maxLength(100)) });
  expect(wrong(name, {})).toBe('is wrong at "name": it is missing');
  expect(wrong(name, { name: 'x'.repeat(101) })).toBe('is wrong at "name": expected a length <=100, found 101');
  expect(wrong(s.picklist(['a', 'b']), '\u001b[31m\n')).toBe('is wrong: expected ("a" | "b"), found "\\u001b[31m\\n"');
  expect(wrong(s.literal(1), 'y'.repeat(10_000)).length).toBeLessThan(120);
  expect(wrong(s.string(s.regex(/^a$/, 'expected an a')), 'b')).toBe('is wrong: expected an a');
});
