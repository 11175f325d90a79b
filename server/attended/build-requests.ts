import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, Refusal, refusal, tooBusy } from './answer.ts';
import type { Images, Kept } from './images.ts';
import { hourlyLimit, maxHeld, places } from './limits.ts';
import { type Dialect, hashPattern, imageHash, type Plan, requestHash } from './plan.ts';
import type { BuildQueue } from './queue.ts';
import { readBuildRequest } from './request.ts';
import type { AttendedSettings } from './settings.ts';
import type { Statistics } from './statistics.ts';
import type { Store } from './store.ts';

/** What the two kinds of requests differ in is the answer where nothing installable comes out. */
export type Kind = 'upgrade' | 'build';

export interface Parts {
  readonly settings: AttendedSettings;
  readonly store: Store;
  readonly images: Images;
  readonly queue: BuildQueue;
  readonly statistics: Statistics;
  readonly nowMs: () => number;
}

/** How often a held request looks, and what a client is told to wait when there is no room. */
const lookMs = 100;
const busyRetryS = 60;

interface Asked {
  readonly kind: Kind;
  readonly hash: string;
  readonly requestHash: string;
  readonly dialect: Dialect;
  /** Of this server, as the client sees it. */
  readonly publicUrl: string;
}

/** POST and GET of build requests: finds the result, or the place in the queue, or takes the request. */
export function buildRequests(parts: Parts) {
  const { settings, store, images, queue, statistics, nowMs } = parts;
  const held = places(maxHeld);
  const limit = hourlyLimit(settings.max_builds_per_client_h, nowMs);
  const underWay = new Map<string, Promise<void>>();

  async function stateOf(asked: Asked): Promise<Answer | undefined> {
    const kept = await images.look(asked.hash);
    if (kept) return resultOf(kept, asked);
    const place = await queue.place(asked.hash);
    if (place === undefined) {
      // It may have ended between the two looks.
      const late = await images.look(asked.hash);
      return late && resultOf(late, asked);
    }
    if (!(await queue.alive())) throw refusal(502, 'there is no worker at the moment');
    const position = place.state === 'queue' ? { 'X-Build-Queue-Position': String(place.position) } : {};
    return {
      status: 202,
      headers: { 'X-Imagebuilder-Status': place.state, ...position },
      body: { request_hash: asked.requestHash },
    };
  }

  /** Whatever a POST asks for is in the queue or done when this ends. */
  async function take(
    body: Record<string, unknown>,
    client: string,
  ): Promise<Pick<Asked, 'hash' | 'requestHash' | 'dialect'>> {
    const { dialect, plan } = readBuildRequest(body, await store.offer(), settings.defaults_keys);
    const hash = imageHash(plan);
    const names = { hash, requestHash: requestHash(plan, dialect), dialect };
    statistics.requested(plan.components.map(({ name }) => name));
    // Requests for the same that come at once share one look and one place, and are all told when it is safe.
    const taking = underWay.get(hash) ?? takeNew(hash, plan, client).finally(() => underWay.delete(hash));
    underWay.set(hash, taking);
    await taking;
    return names;
  }

  async function takeNew(hash: string, plan: Plan, client: string): Promise<void> {
    if ((await images.look(hash)) || (await queue.place(hash))) return;
    if (!(await queue.alive())) throw refusal(502, 'there is no worker at the moment');
    if (images.totalBytes() >= settings.max_cache_bytes && !images.all().some(images.isRemovable)) {
      throw tooBusy('the room for images is used up', busyRetryS);
    }
    if (!limit.take(client)) throw tooBusy('too many builds of this client', 3_600);
    const old = images.all().find((image) => image.hash === hash);
    if (old) await images.remove(old);
    if ((await queue.add(hash, plan)) === 'full') {
      limit.giveBack(client);
      throw tooBusy('the queue is full', busyRetryS);
    }
    images.know(plan);
  }

  return {
    async post(kind: Kind, body: Record<string, unknown>, client: string, publicUrl: string): Promise<Answer> {
      const asked = { kind, publicUrl, ...(await take(body, client)) };
      const now = () => stateOf(asked).then((answer) => answer ?? lost());
      const first = await now();
      if (first.status !== 202 || settings.hold_ms === 0) return first;
      return held.within(
        async () => {
          for (const endMs = performance.now() + settings.hold_ms; performance.now() < endMs; ) {
            await sleep(Math.min(lookMs, settings.hold_ms));
            const answer = await now();
            if (answer.status !== 202) return answer;
          }
          return now();
        },
        () => first,
      );
    },

    async get(kind: Kind, hash: string, publicUrl: string): Promise<Answer> {
      const known = hashPattern.test(hash) ? images.request(hash) : undefined;
      const asked = known && { kind, publicUrl, requestHash: hash, ...known };
      return (asked && (await stateOf(asked))) ?? { status: 404, body: {} };
    },
  };
}

/** Never 404 to a POST: the client would post again at once. */
const lost = (): never => {
  throw tooBusy('the build was given up', busyRetryS);
};

const failures = { conflict: 409, 'too-large': 413, failed: 500 } as const;

function resultOf({ hash, about }: Kept, asked: Asked): Answer {
  const { outcome, image, error } = about;
  const log = `/download/${hash}/${about.log}`;
  const { requestHash: request_hash } = asked;
  if (outcome === 'nothing' && asked.kind === 'upgrade') throw new Refusal({ status: 501, body: { error } });
  if (outcome !== 'done' && outcome !== 'nothing')
    return { status: failures[outcome], body: { error, log, request_hash } };
  const files = `/json/${hash}/`;
  const sysupgrade = image && (asked.dialect === 'A' ? `${asked.publicUrl}${files}${image.name}` : image.name);
  return {
    status: 200,
    body: {
      ...(image ? { sysupgrade } : {}),
      log,
      files,
      request_hash,
      image_hash: hash,
      ...(image ? { sha256: image.sha256 } : {}),
    },
  };
}
