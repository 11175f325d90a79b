import type { Answer } from './answer.ts';
import type { Parts } from './build-requests.ts';
import type { Kept } from './images.ts';
import { hashOf, hashPattern, manifestOf } from './plan.ts';
import { profileOf } from './profiles.ts';
import type { Offer } from './store.ts';

type Query = URLSearchParams;
type Read = (parts: Parts, query: Query, hash: string) => Promise<Answer>;

const distro = { name: 'opq', alias: 'OPQ', description: 'OPQ Box' };
const ok = (body: unknown): Answer => ({ status: 200, body });
const unknown: Answer = { status: 404, body: {} };
/** What the questions with parameters say when one of them is missing. */
const incomplete: Answer = { status: 400, body: [] };

/** Everything that is only read, by its path; `:hash` stands for the 64 digits of an image or a manifest. */
export const reads: Readonly<Record<string, Read>> = {
  '/api/image/:hash': async ({ images }, _, hash) => {
    const image = hashPattern.test(hash) ? await images.look(hash) : undefined;
    return image?.about.image ? ok(imageInfo(image)) : unknown;
  },
  '/api/manifest/:hash': async ({ images }, _, hash) => {
    const image = images.byManifest(hash);
    return image ? ok(manifestOf(image.about.plan)) : unknown;
  },
  '/api/distros': async ({ store }) => ok([{ ...distro, latest: allReleases(await store.offer()).at(-1) ?? '' }]),
  '/api/distributions': async ({ store }) => {
    const releases = allReleases(await store.offer());
    const versions = Object.fromEntries(releases.map((release) => [release, {}]));
    return ok({ opq: { distro_alias: distro.alias, latest: releases.at(-1) ?? '', versions } });
  },
  '/api/versions': async ({ store }, query) => {
    if (query.has('distro') && !isOurs(query)) return ok([]);
    return ok(allReleases(await store.offer()).map((version) => ({ distro: distro.name, version, alias: '' })));
  },
  '/api/models': async ({ store }, query) => {
    if (!query.get('distro') || !query.get('version') || !query.has('model_search')) return incomplete;
    return ok(models(await store.offer(), query));
  },
  '/api/packages_image': async ({ store }, query) => {
    if (['distro', 'version', 'target', 'profile'].some((key) => !query.get(key))) return incomplete;
    const packages = defaultsOf(await store.offer(), query);
    // The clients of the older dialect look for the list under a name.
    return ok(query.has('subtarget') ? { packages } : packages);
  },
  '/api/v1/stats/popular_packages': async ({ statistics: { numbers } }) =>
    ok(byCount(Object.entries(numbers.components).map(([package_name, count]) => ({ package_name, count })))),
  '/api/v1/stats/popular_targets': async ({ statistics: { numbers } }) =>
    ok(
      byCount(
        Object.entries(numbers.targets).map(([target, { count, seconds }]) => ({
          count,
          build_seconds: Math.round((seconds / count) * 10) / 10,
          target,
        })),
      ),
    ),
  '/api/v1/stats/images': imageStats,
  '/api/v1/stats/image_stats': imageStats,
  '/api/v1/stats/packages': async ({ store }) => {
    const { index } = await store.offer();
    return ok(new Set(index.components.map(({ name }) => name)).size);
  },
};

async function imageStats({ images, statistics: { numbers } }: Parts): Promise<Answer> {
  const stored = images.all().filter(({ about }) => about.image !== null).length;
  return ok({ total: numbers.built, stored, requested: numbers.requested });
}

function imageInfo({ hash, about, manifest }: Kept) {
  const { plan, image, builtAtMs, buildMs } = about;
  return {
    image_hash: hash,
    distro: plan.distro,
    version: String(plan.version),
    target: plan.target,
    profile: plan.profile,
    // Without slashes: clients put their own around it.
    files: hash,
    sysupgrade: image!.name,
    sha256: image!.sha256,
    manifest_hash: manifest,
    defaults_hash: plan.defaults === null ? '' : hashOf(plan.defaults),
    build_date: new Date(builtAtMs).toISOString(),
    build_seconds: Math.round(buildMs / 100) / 10,
  };
}

const isOurs = (query: Query): boolean => query.get('distro')?.toLowerCase() === distro.name;

/** As clients write them. */
function allReleases(offer: Offer): string[] {
  const releases = Object.keys(offer.profiles.hardware).flatMap((hardware) => offer.releases(hardware));
  return [...new Set(releases)].sort((a, b) => a - b).map(String);
}

function models(offer: Offer, query: Query) {
  const search = query.get('model_search')!.toLowerCase();
  const version = query.get('version')!;
  if (!isOurs(query)) return [];
  return Object.entries(offer.profiles.hardware)
    .filter(([target]) => offer.releases(target).some((release) => String(release) === version))
    .flatMap(([target, { boards }]) =>
      Object.entries(boards)
        .filter(([profile, { model }]) => `${model} ${profile} ${target}`.toLowerCase().includes(search))
        .map(([profile, { model }]) => ({ distro: distro.name, version, target, profile, model })),
    );
}

function defaultsOf(offer: Offer, query: Query): string[] {
  const [target, subtarget] = [query.get('target')!, query.get('subtarget')];
  const name = subtarget === null ? target : `${target}/${subtarget}`;
  const known = Object.hasOwn(offer.profiles.hardware, name) && isOurs(query);
  const hardware = known ? offer.profiles.hardware[name] : undefined;
  if (hardware === undefined || profileOf(hardware, query.get('profile')!, undefined) === undefined) return [];
  return [...new Set([...hardware.default, ...hardware.protected])].sort();
}

const byCount = <T extends { count: number }>(rows: readonly T[]): T[] =>
  [...rows].sort((a, b) => b.count - a.count).slice(0, 100);
