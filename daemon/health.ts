import type { ErrorCode } from '../protocol/error-codes.ts';
import type { Service } from './box/box.ts';
import type { Baseline } from './facts.ts';
import type { At } from './machine.ts';
import { askPrograms } from './owners-programs.ts';
import type { Tools } from './tools.ts';

export type Health =
  | { readonly ok: true /** Wall clock when all services were first seen up, ms. */; readonly upAtMs: number }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

const programTimeoutMs = 60_000;
const pollMs = 500;
/** A program that says no is asked again: what it looks at may take longer to come up than a service. */
const askAgainMs = 5000;
/** But not for as long as a trial may last: that would only make the outage longer. */
const refusalPatienceMs = 5 * 60_000;
/** More restarts than this in one trial are no way to come up; slow ones are never too many for systemd. */
const mostRestarts = 20;

/**
 * Waits until everything that was up before the update is up again and has stayed so, a gateway that answered before
 * answers, and every program in `health_dir` agrees. What had failed before may stay failed. A person may end the wait
 * by asking for the undo.
 */
export async function becomesHealthy(
  { baseline, gateway }: Pick<At<'confirm'>, 'baseline' | 'gateway'>,
  tools: Tools,
): Promise<Health> {
  const { box, clock, config, log, show, undoAsked } = tools;
  const { health_stable_s, trial_deadline_s } = (await config()).values;
  const began = clock.monotonic();
  let stable: { since: number; upAtMs: number; restarts: string } | undefined;
  let failedSince: number | undefined;
  let refused: { readonly message: string; readonly since: number; readonly askedAt: number } | undefined;
  for (;;) {
    const now = clock.monotonic();
    const seen = await look(baseline, tools);
    const restarts = JSON.stringify(seen.restarts);
    if (seen.trouble) stable = undefined;
    else if (stable?.restarts !== restarts) stable = { since: now, upAtMs: clock.now(), restarts };
    failedSince = seen.failed ? (failedSince ?? now) : undefined;
    const looping = Object.values(seen.restarts).some((count) => count > mostRestarts);

    const stableS = stable ? (now - stable.since) / 1000 : 0;
    const up = stable !== undefined && stableS >= health_stable_s;
    // Without a network nobody could ever mend the box from afar. Wi-Fi may take its time.
    const unheard = up && gateway && (await box.gateway()) !== 'answers';
    const missing = unheard ? 'the default gateway answered before and does not now' : seen.trouble;
    const code = unheard ? 'NETWORK_LOST' : 'HEALTH_FAILED';
    const trouble = missing ?? refused?.message ?? null;
    show({ done: Math.floor(stableS), total: health_stable_s, unit: 'seconds', bytes_per_s: null, text: trouble });
    if (stable && up && !unheard && now - (refused?.askedAt ?? -askAgainMs) >= askAgainMs) {
      const message = await objection(tools);
      if (message === undefined) return { ok: true, upAtMs: stable.upAtMs };
      if (message !== refused?.message) log.warn(`not healthy yet: ${message}`);
      refused = { message, since: refused?.since ?? now, askedAt: clock.monotonic() };
      if (refused.askedAt - refused.since >= refusalPatienceMs) return { ok: false, code, message };
    }
    if (undoAsked()) return { ok: false, code, message: 'It was put back before it was confirmed.' };
    // systemd has given up on it: waiting for the deadline would only make the outage longer.
    if (failedSince !== undefined && now - failedSince >= Math.max(5, health_stable_s) * 1000) {
      return { ok: false, code, message: trouble ?? 'a service failed' };
    }
    if (looping && now - began >= refusalPatienceMs) {
      return {
        ok: false,
        code,
        message: `${trouble ?? 'a service was up for a moment'}, after ${mostRestarts} restarts and more`,
      };
    }
    if (now - began > trial_deadline_s * 1000) {
      return { ok: false, code, message: `${trouble ?? 'the services did not stay up'} for ${trial_deadline_s} s` };
    }
    await clock.sleep(pollMs);
  }
}

/** One look at the services: the first that is not as it was, and whether it is beyond hope. */
async function look(baseline: Baseline, { box }: Tools) {
  const restarts: Record<string, number> = {};
  let trouble: string | null = null;
  let failed = false;
  for (const [name, before] of Object.entries(baseline)) {
    const service = await box.service(name);
    restarts[name] = service.restarts;
    if (!expectsUp(before, service) || service.state === 'active') continue;
    trouble ??= `${name} was ${words[before]} before and is ${service.state} now`;
    failed ||= service.state === 'failed' || service.state === 'absent';
  }
  return { restarts, trouble, failed };
}

const words: Readonly<Record<Baseline[string], string>> = {
  active: 'active',
  'by hand': 'active',
  failed: 'failed',
  inactive: 'inactive',
  absent: 'not there',
};

/** A service that was up must be up; one that the release brought must be up if it is there at all. */
const expectsUp = (before: Baseline[string], now: Service): boolean =>
  before === 'active' ||
  before === 'by hand' ||
  (before === 'absent' && now.state !== 'absent' && now.state !== 'inactive');

/** Runs the owner's own checks; the first that objects, in its words. */
async function objection(tools: Tools): Promise<string | undefined> {
  const answers = await askPrograms(tools, (await tools.config()).values.health_dir, programTimeoutMs);
  const no = answers.find(({ exitCode }) => exitCode !== 0);
  return no && `the health check ${no.name} ended with ${no.exitCode ?? 'no answer'}: ${no.said}`;
}
