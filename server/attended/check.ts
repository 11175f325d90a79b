import { isNewerComponent } from '../../protocol/component.ts';
import { type Answer, unknownComponents } from './answer.ts';
import { hashOf } from './plan.ts';
import { type Check, isObject, readCheck } from './request.ts';
import type { Offer } from './store.ts';

/**
 * POST /api/upgrade-check: whether there is anything newer for a box. Versions only ever go up.
 * @throws Refusal 400 | 412 | 422
 */
export function answerCheck(body: Record<string, unknown>, offer: Offer): Answer {
  const check = readCheck(body, offer);
  const known = offer.components(check.target, check.newest);
  const unknown = [...(check.installed?.keys() ?? [])].filter((name) => !known.has(name));
  if (unknown.length > 0) throw unknownComponents(unknown);
  const isNewer = check.newest > check.installedVersion;
  const upgrades = upgradesOf(check, offer);
  if (!isNewer && !(check.upgradePackages && Object.keys(upgrades).length > 0)) {
    return { status: 204, headers: { 'X-Request-Hash': hashOf(isObject(body) ? body : {}) } };
  }
  const packages = [...new Set([...(check.installed?.keys() ?? []), ...check.hardware.protected])].sort();
  return {
    status: 200,
    body: {
      ...(isNewer ? { version: String(check.newest) } : {}),
      ...(check.installed ? { upgrades, packages } : {}),
    },
  };
}

/** Name to [new, current], of what the newest release has in a newer version. */
function upgradesOf({ target, newest, installed }: Check, offer: Offer): Record<string, [string, string]> {
  const known = offer.components(target, newest);
  const newer = [...(installed ?? [])].flatMap(([name, current]): [string, [string, string]][] => {
    const version = known.get(name)?.version;
    return version !== undefined && isNewerComponent(version, current) ? [[name, [version, current]]] : [];
  });
  return Object.fromEntries(newer.sort(([a], [b]) => (a < b ? -1 : 1)));
}
