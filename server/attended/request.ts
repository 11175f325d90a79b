import { componentNamePattern } from '../../protocol/component.ts';
import type { Component } from '../../protocol/component-index.ts';
import { parseInstalledVersion, quote, releaseVersionPattern } from '../../protocol/version.ts';
import { badRequest, missing, unknownComponents, unsupported } from './answer.ts';
import { defaultsText } from './defaults.ts';
import type { Dialect, Plan } from './plan.ts';
import { type Hardware, profileOf } from './profiles.ts';
import type { Offer } from './store.ts';

const maxNames = 500;

type Body = Readonly<Record<string, unknown>>;

/** What every request says of the box: judged before anything else happens. */
export interface Where {
  readonly dialect: Dialect;
  readonly target: string;
  readonly hardware: Hardware;
  /** As the request has it; undefined = the newest. */
  readonly version: string | undefined;
  /** The newest release for this hardware. */
  readonly newest: number;
}

/** @throws Refusal 400 | 412 */
export function readWhere(body: Body, offer: Offer): Where {
  const distro = needed(body, 'distro');
  const subtarget = text(body, 'subtarget');
  const first = needed(body, 'target');
  const version = text(body, 'version');
  if (distro.toLowerCase() !== 'opq') throw unsupported(`unknown distribution: ${quote(distro)}`);
  const target = subtarget === undefined ? first : `${first}/${subtarget}`;
  const { hardware } = offer.profiles;
  const newest = offer.releases(target).at(-1);
  if (!Object.hasOwn(hardware, target) || newest === undefined) throw unsupported(`unknown target: ${quote(target)}`);
  return { dialect: subtarget === undefined ? 'B' : 'A', target, hardware: hardware[target]!, version, newest };
}

export interface Check extends Where {
  /** What the box has; undefined when it does not say. */
  readonly installedVersion: number;
  readonly installed: ReadonlyMap<string, string> | undefined;
  readonly upgradePackages: boolean;
}

/** @throws Refusal 400 | 412 */
export function readCheck(body: Body, offer: Offer): Check {
  const where = readWhere(body, offer);
  const installedVersion = where.version === undefined ? where.newest : parseInstalledVersion(where.version);
  const installed = readInstalled(body.installed ?? body.packages);
  const { upgrade_packages: upgrade } = body;
  if (installedVersion === undefined) throw unsupported(`unknown version: ${quote(where.version!)}`);
  return {
    ...where,
    installedVersion,
    installed,
    upgradePackages: ![undefined, null, false, 0, '0', ''].includes(upgrade as never),
  };
}

function readInstalled(value: unknown): ReadonlyMap<string, string> | undefined {
  if (value === undefined || value === null) return undefined;
  const entries = isObject(value) ? Object.entries(value) : undefined;
  if (entries === undefined || entries.length > maxNames)
    throw badRequest('installed should be an object of name to version');
  const wrong = entries.find(([, version]) => typeof version !== 'string' || version.length > 100);
  if (wrong) throw badRequest(`the version of ${quote(wrong[0])} should be text`);
  return new Map(entries as [string, string][]);
}

export interface BuildRequest {
  readonly dialect: Dialect;
  readonly plan: Plan;
}

/** @throws Refusal 400 | 412 | 420 | 422 */
export function readBuildRequest(body: Body, offer: Offer, defaultsKeys: readonly string[]): BuildRequest {
  const where = readWhere(body, offer);
  const { dialect, target, hardware } = where;
  const profile = profileOf(hardware, text(body, 'board'), text(body, 'model'));
  const wanted = readNames(body.packages);
  const defaults = defaultsText(body.defaults, defaultsKeys);
  if (profile === undefined) throw unsupported('unknown board');
  const version = releaseOf(where, offer);
  const chosen = choose(wanted, hardware, offer.components(target, version));
  const components = chosen.map(({ name, version, sha256 }) => ({ name, version, sha256 }));
  const plan = {
    distro: 'opq',
    version,
    target,
    profile,
    components,
    defaults,
    max_bytes: hardware.max_bytes,
  } as const;
  return { dialect, plan };
}

/** The release that is asked for, which has to be a known one. */
export function releaseOf({ version, newest, target }: Where, offer: Offer): number {
  if (version === undefined) return newest;
  const release = releaseVersionPattern.test(version) ? Number(version) : undefined;
  if (release !== undefined && offer.releases(target).includes(release)) return release;
  throw unsupported(`unknown version: ${quote(version)}`);
}

/** Of an object its keys count; an editor of lists leaves empty lines. */
function readNames(value: unknown): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const names = Array.isArray(value) ? value : isObject(value) ? Object.keys(value) : undefined;
  if (
    names === undefined ||
    names.length > maxNames ||
    names.some((name) => typeof name !== 'string' || name.length > 100)
  ) {
    throw badRequest('packages should be a list of names');
  }
  return names.map((name: string) => name.trim()).filter((name) => name !== '');
}

/**
 * The list is absolute; `-name` takes one away, of the defaults when nothing else is named. What is protected stays.
 * @throws Refusal 422
 */
function choose(
  wanted: readonly string[] | undefined,
  hardware: Hardware,
  known: ReadonlyMap<string, Component>,
): Component[] {
  const minus = (wanted ?? []).filter((name) => name.startsWith('-')).map((name) => name.slice(1));
  const plus = (wanted ?? []).filter((name) => !name.startsWith('-'));
  const unknown = [...plus, ...minus].filter((name) => !componentNamePattern.test(name) || !known.has(name));
  if (unknown.length > 0) throw unknownComponents(unknown);
  const onlyLess = wanted === undefined || (plus.length === 0 && minus.length > 0);
  const names = new Set(onlyLess ? hardware.default : plus);
  for (const name of minus) names.delete(name);
  for (const name of hardware.protected) names.add(name);
  const absent = [...names].filter((name) => !known.has(name));
  if (absent.length > 0) throw unknownComponents(absent);
  return [...names].sort().map((name) => known.get(name)!);
}

function needed(body: Body, key: string): string {
  const value = text(body, key);
  if (value === undefined || value === '') throw missing(key);
  return value;
}

function text(body: Body, key: string): string | undefined {
  const value = Object.hasOwn(body, key) ? body[key] : undefined;
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || value.length > 200) throw badRequest(`${key} should be text`);
  return value;
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
