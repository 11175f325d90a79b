import { badRequest, refusal } from './answer.ts';
import { canonicalJson } from './plan.ts';

/** Bytes of UTF-8. */
export const maxDefaultsBytes = 10_240;

const maxDepth = 4;

/**
 * The defaults of a request as they go into the image: a part of a box's configuration, as JSON, never a script.
 * @param allowedKeys of the configuration, at its top; none: requests may bring no defaults
 * @returns null when the request brings none
 * @throws Refusal 400 | 420
 */
export function defaultsText(value: unknown, allowedKeys: readonly string[]): string | null {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value !== 'string') throw badRequest('defaults should be text that holds JSON');
  if (allowedKeys.length === 0) throw badRequest('this server takes no defaults');
  if (Buffer.byteLength(value) > maxDefaultsBytes) throw refusal(420, `defaults are over ${maxDefaultsBytes} bytes`);
  const json = parse(value);
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw badRequest('defaults should be a JSON object');
  const stray = Object.keys(json).find((key) => !allowedKeys.includes(key));
  if (stray !== undefined)
    throw badRequest(`defaults: ${JSON.stringify(stray.slice(0, 64))} may not be set; ${allowedKeys.join(', ')} may`);
  mustBePlain(json, 0);
  return `${canonicalJson(json)}\n`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest('defaults should be JSON');
  }
}

/** Text without control characters, numbers, truth values, and lists and objects of them, not too deep. */
function mustBePlain(value: unknown, depth: number): void {
  if (depth > maxDepth) throw badRequest('defaults are nested too deeply');
  if (typeof value === 'string' && /\p{Cc}/u.test(value)) throw badRequest('defaults hold control characters');
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (!Array.isArray(value) && !/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/.test(key))
      throw badRequest('defaults hold a key that is none');
    mustBePlain(inner, depth + 1);
  }
}
