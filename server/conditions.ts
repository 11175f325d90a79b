import type { IncomingHttpHeaders } from 'node:http';

/** What tells one state of an answer from another. */
export interface Validators {
  /** Strong, with its quotes. */
  readonly etag: string;
  /** Whole seconds in milliseconds, as HTTP dates carry; absent for answers that have no such time. */
  readonly modifiedMs?: number;
}

/**
 * What the conditions of a GET or HEAD request ask for.
 * @returns 200 go on, 304 the client has it already, 412 the client wanted another state
 * @see RFC 9110 section 13.2.2, steps 1 to 4 in that order
 */
export function judgeConditions(headers: IncomingHttpHeaders, { etag, modifiedMs }: Validators): 200 | 304 | 412 {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  const unmodifiedSinceMs = httpDateMs(headers['if-unmodified-since']);
  const modifiedSinceMs = httpDateMs(headers['if-modified-since']);

  if (match !== undefined) {
    if (match.trim() !== '*' && !entityTags(match).includes(etag)) return 412;
  } else if (modifiedMs !== undefined && unmodifiedSinceMs !== undefined && modifiedMs > unmodifiedSinceMs) return 412;

  if (noneMatch !== undefined) {
    // Weak comparison: W/"x" from a cache that packed the answer still is our "x".
    const had = entityTags(noneMatch).map((tag) => tag.replace(/^W\//, ''));
    return noneMatch.trim() === '*' || had.includes(etag) ? 304 : 200;
  }
  return modifiedMs !== undefined && modifiedSinceMs !== undefined && modifiedMs <= modifiedSinceMs ? 304 : 200;
}

/**
 * Whether the bytes that the client has are of this state, so that a Range may be honoured.
 * @param header If-Range; empty when there is none
 * @see RFC 9110 section 13.1.5: strong comparison; a date only holds once its second is over (section 8.8.2.2)
 */
export function ifRangeHolds(header: string, { etag, modifiedMs }: Validators, nowMs: number): boolean {
  const validator = header.trim();
  if (validator === '') return true;
  if (/^(W\/)?"/.test(validator)) return validator === etag;
  return modifiedMs !== undefined && httpDateMs(validator) === modifiedMs && nowMs - modifiedMs >= 2_000;
}

const entityTags = (list: string): string[] => list.match(/(W\/)?"[^"]*"/g) ?? [];

/** Undefined for what is not a date: such a condition is ignored. */
function httpDateMs(text: string | undefined): number | undefined {
  if (text === undefined || !/ GMT$/.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
