import type { ComponentsView } from '../protocol/box-views.ts';
import { isNewerComponent } from '../protocol/component.ts';
import { faultOf } from '../protocol/control.ts';
import { asUpdateError, UpdateError } from '../protocol/errors.ts';
import { misfits } from '../protocol/misfits.ts';
import type { Input } from '../protocol/operations.ts';
import type { Available } from '../protocol/views.ts';
import type { Checks } from './checks.ts';
import { type ComponentsRecord, isSame, readComponents, sameComponents, versionsOf } from './components-on-box.ts';
import type { Offer } from './facts.ts';
import { checkQuarantine, readQuarantine } from './quarantine.ts';
import type { Resident } from './tools.ts';

export type Wish = Omit<Input<'upgrade'>, 'retry'>;
export const asItIs: Wish = { only: null, add: [], remove: [] };

/**
 * What a builder is to put together: of all that is on offer what runs here, or `only` some, with more and less. Where
 * nobody knows what runs here and nobody says, it is what the server has by default.
 * @throws UpdateError CONFIG_INVALID | COMPONENT_UNKNOWN | COMPONENTS_CONFLICT
 */
export function choose(offer: Offer, running: ComponentsRecord | null, { only, add, remove }: Wish): Offer {
  const asks = only !== null || add.length + remove.length > 0;
  if (offer.components === null) {
    if (!asks) return offer;
    throw new UpdateError('CONFIG_INVALID', `The channel is "${offer.channel}": builds on demand need "attended".`);
  }
  const known = new Map(offer.components.map((component) => [component.name, component]));
  const base = only ?? (running && Object.keys(running.components));
  if (base === null && !asks) return { ...offer, components: [] };
  if (base === null) throw unknown('The box does not know what it is put together of: name all that it is to have.');
  const stray = remove.find((name) => !base.includes(name));
  if (stray !== undefined) throw unknown(`${stray} cannot be removed: it is not there.`);
  const names = [...new Set([...base, ...add])].filter((name) => !remove.includes(name));
  if (names.length === 0) throw new UpdateError('COMPONENTS_CONFLICT', 'No component would be left.');
  const components = names.sort().map((name) => {
    const component = known.get(name);
    if (component) return component;
    const less = base.includes(name) && only === null ? `; to go on without it: upgrade --remove ${name}` : '';
    throw unknown(`There is no ${name} for this box in release ${offer.version}${less}.`);
  });
  // The server adds what no image can be without; what was there already is complete.
  const [complaint] = only === null ? misfits(components) : [];
  if (complaint !== undefined) throw new UpdateError('COMPONENTS_CONFLICT', `${complaint}.`);
  return { ...offer, components };
}

const unknown = (message: string) => new UpdateError('COMPONENT_UNKNOWN', message);

type Parts = Pick<Resident, 'config' | 'places'>;
const runningOn = async ({ config, places }: Parts) => readComponents(places, (await config()).values);

/** What a person wants of an offer. @throws UpdateError as `choose` does, SAME_COMPONENTS */
export async function asWished(tools: Parts, offer: Offer, wish: Partial<Wish>): Promise<Offer> {
  const running = await runningOn(tools);
  const chosen = choose(offer, running, { ...asItIs, ...wish });
  const { version, components } = chosen;
  if (components !== null && isSame(running, version, versionsOf(components))) throw sameComponents(version);
  return chosen;
}

/**
 * What the box takes of an offer by itself: nothing more of a release of which an image failed here, as which other one
 * might do is for a person to find out.
 * @throws UpdateError as `choose` does, QUARANTINED
 */
export async function byItself(tools: Parts, offer: Offer): Promise<Offer> {
  if (offer.components !== null) {
    const quarantine = await readQuarantine(tools.places);
    const failed = quarantine.find(({ version }) => version === offer.version);
    if (failed) checkQuarantine(quarantine, failed.sha256);
  }
  return choose(offer, await runningOn(tools), asItIs);
}

/** Of the components that run here those that are newer on offer. */
export function upgradesOf(offer: Offer, running: ComponentsRecord | null): Available['upgrades'] {
  const rows = (offer.components ?? []).flatMap(({ name, version }): [string, [string, string]][] => {
    const current = running?.components[name];
    return current !== undefined && isNewerComponent(version, current) ? [[name, [version, current]]] : [];
  });
  return Object.fromEntries(rows);
}

/** What runs, and what there is, asked for now. */
export async function viewComponents(tools: Parts, checks: Checks): Promise<ComponentsView> {
  const { channel } = (await tools.config()).values;
  const running = await runningOn(tools);
  const { offer, fault } = await ask(channel === 'attended' ? checks : undefined);
  const available = new Map(offer?.components?.map((component) => [component.name, component]));
  const names = [...new Set([...available.keys(), ...Object.keys(running?.components ?? {})])].sort();
  return {
    channel,
    release: offer?.version ?? null,
    image: running?.sha256 ?? null,
    components: names.map((name) => {
      const { version = null, requires = [], conflicts = [] } = available.get(name) ?? {};
      return { name, running: running?.components[name] ?? null, available: version, requires, conflicts };
    }),
    fault,
  };
}

async function ask(checks: Checks | undefined): Promise<{ offer: Offer | null; fault: ComponentsView['fault'] }> {
  try {
    return { offer: (await checks?.ask(false)) ?? null, fault: null };
  } catch (error) {
    return { offer: null, fault: faultOf(asUpdateError(error)) };
  }
}
