import { expect, it } from 'vitest';
import { ifRangeHolds, judgeConditions } from '../../server/conditions.ts';

const modifiedMs = Date.UTC(2019, 1, 15, 2, 16, 23);
const earlier = 'Fri, 15 Feb 2019 02:16:22 GMT';
const same = 'Fri, 15 Feb 2019 02:16:23 GMT';
const state = { etag: '"a-1"', modifiedMs };

it.each([
  [{}, 200],
  [{ 'if-none-match': '"a-1"' }, 304],
  [{ 'if-none-match': 'W/"a-1"' }, 304],
  [{ 'if-none-match': '"b", W/"c" , "a-1"' }, 304],
  [{ 'if-none-match': '*' }, 304],
  [{ 'if-none-match': '"b"' }, 200],
  [{ 'if-none-match': 'a-1' }, 200],
  [{ 'if-none-match': '' }, 200],
  [{ 'if-modified-since': same }, 304],
  [{ 'if-modified-since': earlier }, 200],
  [{ 'if-modified-since': 'last week' }, 200],
  [{ 'if-modified-since': same, 'if-none-match': '"b"' }, 200],
  [{ 'if-match': '"a-1"' }, 200],
  [{ 'if-match': '*' }, 200],
  [{ 'if-match': 'W/"a-1"' }, 412],
  [{ 'if-match': '"b"' }, 412],
  [{ 'if-unmodified-since': earlier }, 412],
  [{ 'if-unmodified-since': same }, 200],
  [{ 'if-unmodified-since': earlier, 'if-match': '"a-1"' }, 200],
  [{ 'if-match': '"b"', 'if-none-match': '"a-1"' }, 412],
] as const)('%j is judged in the order of RFC 9110', (headers, verdict) => {
  expect(judgeConditions(headers, state)).toBe(verdict);
});

it('ignores dates for an answer that has none', () => {
  expect(judgeConditions({ 'if-modified-since': same, 'if-unmodified-since': earlier }, { etag: '"a-1"' })).toBe(200);
});

it('takes a date in If-Range only when its second was over', () => {
  expect(ifRangeHolds(same, state, modifiedMs + 500)).toBe(false);
  expect(ifRangeHolds(same, state, modifiedMs + 5_000)).toBe(true);
  expect(ifRangeHolds('', state, modifiedMs)).toBe(true);
});
