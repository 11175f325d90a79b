import { createHash } from 'node:crypto';
import {
  componentNamePattern,
  componentVersionPattern,
  hardwarePattern,
  sha256Pattern,
} from '../../protocol/component.ts';
import * as s from '../../protocol/schema.ts';
import { isReleaseVersion } from '../../protocol/version.ts';

/** The two ways in which clients speak; see docs/attended.md. */
export type Dialect = 'A' | 'B';

const planSchema = s.strictObject({
  distro: s.literal('opq'),
  version: s.number(s.check(isReleaseVersion)),
  target: s.string(s.regex(hardwarePattern)),
  profile: s.string(s.maxLength(64)),
  /** Sorted by name, each once. */
  components: s.array(
    s.strictObject({
      name: s.string(s.regex(componentNamePattern)),
      version: s.string(s.regex(componentVersionPattern)),
      sha256: s.string(s.regex(sha256Pattern)),
    }),
    s.maxLength(500),
  ),
  /** Text of the defaults, as it goes into the image; null = none. */
  defaults: s.nullable(s.string(s.maxLength(20_480))),
  max_bytes: s.int(s.minValue(1)),
});

/** What to build, all of it: the worker needs no more, and two requests for the same have the same. */
export type Plan = s.Output<typeof planSchema>;

/** A plan from a queue is from outside, too. @throws when it is none */
export const parsePlan = (json: unknown): Plan => s.parse(planSchema, json);

/** All 64 digits: cut ones were the hole of CVE-2024-54143. */
export const hashPattern = sha256Pattern;

/** Names the image; both dialects share it. */
export const imageHash = (plan: Plan): string => hashOf(plan);

/** Names the request: its answer depends on the dialect, which a GET by hash does not tell. */
export const requestHash = (plan: Plan, dialect: Dialect): string => hashOf({ dialect, ...plan });

/** Name to version of what an image holds, and its hash. */
export const manifestOf = ({ components }: Plan): Record<string, string> =>
  Object.fromEntries(components.map(({ name, version }) => [name, version]));

/** SHA-256 (hex) over canonical JSON: keys sorted, no spaces. */
export const hashOf = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex');

export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, v]) => `${JSON.stringify(key)}:${canonicalJson(v)}`)
    .join(',')}}`;
}
