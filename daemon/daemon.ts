import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { BoxFacts } from '../protocol/box-views.ts';
import type { Output } from '../protocol/control.ts';
import { faultOf } from '../protocol/control.ts';
import { asUpdateError, UpdateError } from '../protocol/errors.ts';
import { releaseDate } from '../protocol/version.ts';
import type { Gate, Initiator, PostponementView } from '../protocol/views.ts';
import { isNews } from '../protocol/words.ts';
import { openBoxFacts } from './box-facts.ts';
import { availableOf, type Checks, openChecks } from './checks.ts';
import { asWished, byItself, type Wish } from './components.ts';
import { readComponents } from './components-on-box.ts';
import { watchDay } from './day.ts';
import type { Offer, Update } from './facts.ts';
import { makeFolder, privateFolder, readIfReadable, removeUnfinished, writeFileSafely } from './files.ts';
import type { GateFacts } from './gates/gate.ts';
import { closedGate, closedGates, openAgainMs } from './gates/gates.ts';
import { type GateWatch, watchGates } from './gates/watch.ts';
import { versionOfGiven } from './given-package.ts';
import { failuresInARow, readHistory } from './history.ts';
import { keysInUse } from './keys.ts';
import { postpone, postponementView } from './postponement.ts';
import { openSchedule, type Schedule } from './schedule.ts';
import type { Resident } from './tools.ts';
import { openUpdates, type Updates } from './updates.ts';
import { openUploads, type Uploads } from './uploads.ts';
import { installedVersion } from './version-on-box.ts';

/** The resident part: what checks, begins and shows updates. The sockets call it, the schedule calls it. */
export interface Daemon {
  readonly tools: Resident;
  readonly updates: Updates;
  readonly checks: Checks;
  readonly schedule: Schedule;
  readonly gates: GateWatch;
  readonly uploads: Uploads;
  /** Grows with every change. */
  readonly seq: number;
  /** Called after each change; returns what ends it. */
  onChange(listener: () => void): () => void;
  changed(): void;
  facts(): Promise<BoxFacts>;
  /** @param options.counts whether a server that fails to answer lengthens the wait of the schedule */
  check(options: { install: boolean; by: Initiator; counts: boolean }): Promise<Output['check']>;
  /** Of what the server has: `upgrade` says of which components. */
  install(options: Partial<Wish> & { version?: number | undefined; retry: boolean }): Promise<{ id: string }>;
  installFile(options: { path: string; retry: boolean; allowDowngrade: boolean }): Promise<{ id: string }>;
  /** @param forS seconds; 0 ends it */
  postpone(forS: number, reason: string): Promise<PostponementView | null>;
  stop(): void;
}

export interface DaemonOptions {
  /** From the start to the first check, ms. */
  readonly firstCheckMs: number;
}

/** Takes up what was under way, then keeps the schedule. */
export async function startDaemon(tools: Resident, { firstCheckMs }: DaemonOptions): Promise<Daemon> {
  const { places, clock, log, config, box } = tools;
  await privateFolder(places.state);
  await removeUnfinished(places.state).catch((error) => log.error('not cleared up', error)); // a card that takes no writes
  await makeFolder(places.run, 0o755);
  const listeners = new Set<() => void>();
  let seq = 0;
  const changed = () => {
    seq++;
    for (const listener of listeners) listener();
  };

  const checks = openChecks(tools, changed);
  const updates = openUpdates(tools, {
    changed,
    heldBack,
    ended(entry) {
      const { outcome, to, because, step } = entry;
      log.info('update ended', { update: entry.id, to, outcome, because: because?.code });
      if (outcome === 'confirmed') gates.held.ends().catch((error) => log.error('the deferral was not ended', error));
      // An undo that a person asked for says nothing of the server or the release; a gate that closed, neither.
      if (outcome === 'undone' || outcome === 'cancelled' || outcome === 'held back' || step === 'undo') return;
      countEnd(outcome === 'confirmed' ? null : (because?.code ?? outcome), to).catch((error) =>
        log.error('the end of the update was not counted', error),
      );
    },
  });
  const gates = watchGates(tools, { checks, updates });
  const uploads = await openUploads(tools, { changed, resting: () => updates.resting });
  const day = await watchDay(tools);
  const schedule = openSchedule(
    { boxId: await boxId(tools), firstCheckMs, now: clock.now },
    () => void scheduledCheck(),
  );

  async function countEnd(code: string | null, to: number): Promise<void> {
    await checks.count(code, failuresInARow(await readHistory(places), to));
    schedule.retryAt(checks.backOff.untilMs);
  }

  async function scheduledCheck(): Promise<void> {
    try {
      // What is under way takes minutes.
      if (!updates.resting) return schedule.heldUntil(clock.now() + 5 * 60_000);
      await daemon.check({ install: (await config()).values.auto_install, by: 'schedule', counts: true });
    } catch (error) {
      schedule.retryAt(checks.backOff.untilMs);
      // The failure itself was logged where it happened; what is left is what nobody expected.
      if (asUpdateError(error).code === 'INTERNAL') log.error('scheduled check failed', error);
    }
  }

  /** What gates hold back is tried again when they may have opened. */
  async function defer(look: readonly Gate[]): Promise<void> {
    await gates.held.begins().catch((error) => log.error('the deferral is not noted', error));
    const againMs = openAgainMs(closedGates(look, 'schedule', false), clock.now());
    if (againMs !== undefined) schedule.heldUntil(againMs);
  }

  /** Asked once more before anything is stopped. */
  async function heldBack({ by, retry, source }: Update): Promise<UpdateError | undefined> {
    const look = await gates.look(source.kind === 'server' ? source.offer : null, 'asked now');
    // What the update has fetched by now takes the space that was asked for; each step looks for itself.
    const others = look.filter(({ name }) => name !== 'space');
    const closed = closedGate(others, by, retry);
    if (closed && by === 'schedule') await defer(others);
    return closed;
  }

  /** @throws UpdateError of the first gate that is closed */
  async function begin(
    wish: Pick<Update, 'to' | 'by' | 'source' | 'retry' | 'allowDowngrade'>,
    offer: GateFacts['offer'],
  ) {
    if (!updates.resting) throw new UpdateError('BUSY', `An update is under way, in the step "${updates.at.step}".`);
    const look = await gates.look(offer, 'asked now');
    const closed = closedGate(look, wish.by, wish.retry);
    if (closed && wish.by === 'schedule') await defer(look);
    if (closed) throw closed;
    const from = (await installedVersion(places, (await config()).values)) ?? null;
    const startedAt = new Date(clock.now()).toISOString();
    const id = `${startedAt.replace(/\D/g, '').slice(0, 14)}-${randomUUID().slice(0, 6)}`;
    await updates.begin({ ...wish, id, from, startedAt, seconds: {}, cuts: [], signedBy: null, sha256: null });
    return { id };
  }

  const beginOffer = (offer: Offer, by: Initiator, retry: boolean) =>
    begin({ to: offer.version, by, source: { kind: 'server', offer }, retry, allowDowngrade: false }, offer);

  const daemon: Daemon = {
    tools,
    updates,
    checks,
    schedule,
    get seq() {
      return seq;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    changed,
    gates,
    uploads,
    facts: openBoxFacts(tools, day),
    async postpone(forS, reason) {
      await postpone(tools, forS, reason);
      log.info(forS === 0 ? 'updates are no longer postponed' : 'updates are postponed', { for_s: forS, reason });
      changed();
      return postponementView(tools);
    },

    async check({ install, by, counts }) {
      const offer = await checks.ask(counts);
      const { values } = await config();
      const installed = await installedVersion(places, values);
      const running = await readComponents(places, values);
      const known = { installed: installed ?? null, available: offer && availableOf(offer, running) };
      const answer = { ...known, news: isNews(known) };
      if (offer && offer.version < (installed ?? 0))
        log.warn('the server offers an older release than the installed one', { offered: offer.version, installed });
      const notBegun = (why?: UpdateError) => ({
        ...answer,
        begun: false,
        id: null,
        why_not: why ? faultOf(why) : null,
      });
      if (!offer || !answer.news) return notBegun();
      if (!install) return notBegun(closedGate(await gates.look(offer, 'as they last said'), 'person', false));
      try {
        const { id } = await beginOffer(await byItself(tools, offer), by, false);
        return { ...answer, begun: true, id, why_not: null };
      } catch (thrown) {
        const error = asUpdateError(thrown);
        log.warn(`not installed now: ${error.message}`, { code: error.code });
        return notBegun(error);
      }
    },

    async install({ version, retry, ...wish }) {
      const offer = await checks.ask(false);
      if (!offer) throw new UpdateError('NOTHING_OFFERED', 'The server offers no release.');
      if (version !== undefined && version !== offer.version) {
        throw new UpdateError('NOTHING_OFFERED', `The server offers ${offer.version}, not ${version}.`);
      }
      return beginOffer(await asWished(tools, offer, wish), 'person', retry);
    },

    async installFile({ path, retry, allowDowngrade }) {
      const to = await versionOfGiven(path);
      // What the file says of itself is judged once its signature held; its version is in its name.
      const offer = allowDowngrade
        ? null
        : { version: to, sizeBytes: null, hardware: null, sha256: null, components: null };
      return begin({ to, by: 'file', source: { kind: 'file', path }, retry, allowDowngrade }, offer);
    },

    stop() {
      schedule.stop();
      uploads.stop();
      day.stop();
      updates.stop();
    },
  };

  const { values, problems } = await config();
  log.info(box.about);
  for (const { key, expected, found } of problems)
    log.warn(`configuration: ${key}: expected ${expected}, found ${found}`);
  const installed = await installedVersion(places, values);
  if (installed === undefined) log.warn('no readable VERSION on this box: the next update is its first installation');
  else log.info('installed', { version: installed, made: installed > 1e8 ? releaseDate(installed) : undefined });
  if ((await keysInUse(places, values)) === 0) {
    log.warn('no usable key is pinned on this box: there will be no updates', { folder: values.trusted_keys_path });
  }
  await checks.start();
  // Before anything may begin by itself.
  await updates.start();
  schedule.apply(values);
  return daemon;
}

/** A name that no other box has, made once. */
async function boxId({ places, log }: Resident): Promise<string> {
  const file = join(places.state, 'box-id');
  const known = (await readIfReadable(file))?.trim();
  if (known) return known;
  const made = randomUUID();
  await writeFileSafely(file, `${made}\n`).catch((error) => log.error('the name of this box is not kept', error));
  return made;
}
