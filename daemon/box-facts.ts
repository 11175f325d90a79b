import type { BoxFacts } from '../protocol/box-views.ts';
import type { Machine } from './box/machine.ts';
import type { Day } from './day.ts';
import { inNewWorker, type Resident } from './tools.ts';

/** Many pages ask for the same. */
const freshMs = 15_000;

/** Tells of the box itself. */
export function openBoxFacts(tools: Resident, day: Day): () => Promise<BoxFacts> {
  const { box, clock, config } = tools;
  let known: { readonly atMs: number; readonly machine: Promise<Machine> } | undefined;

  function machine(): Promise<Machine> {
    if (known && clock.monotonic() - known.atMs < freshMs) return known.machine;
    const asked = inNewWorker(tools, 'machine', {});
    known = { atMs: clock.monotonic(), machine: asked };
    // A failure is for those who asked, not for the next.
    asked.catch(() => {
      known = undefined;
    });
    return asked;
  }

  return async () => {
    const [told, identity, conditions, { values }] = [
      await machine(),
      await box.identity(),
      await box.conditions(),
      await config(),
    ];
    const services = values.services.map(async (name) => {
      const { state, restarts } = await box.service(name);
      return { name, state, restarts };
    });
    return {
      ...told,
      at: new Date(clock.now()).toISOString(),
      model: identity.model ?? told.model,
      temperature_c: conditions.temperatureC,
      throttled: conditions.throttled,
      under_voltage: conditions.underVoltage,
      services: await Promise.all(services),
      day: day.points,
    };
  };
}
