import type { Config } from '../../protocol/config-keys.ts';
import type { Gate } from '../../protocol/views.ts';
import type { Checks } from '../checks.ts';
import { readFloor, wasTakenBack } from '../floor.ts';
import { readHistory } from '../history.ts';
import { keysInUse } from '../keys.ts';
import { askPrograms, type Program } from '../owners-programs.ts';
import type { Places } from '../places.ts';
import { readPostponement } from '../postponement.ts';
import { readQuarantine } from '../quarantine.ts';
import { keptBytes } from '../space.ts';
import type { Resident } from '../tools.ts';
import type { Updates } from '../updates.ts';
import type { GateFacts } from './gate.ts';
import { lookAtGates } from './gates.ts';
import { type Held, openHeld } from './held.ts';

/** The gates of this box: looks at all of them, and remembers since when each is closed. */
export interface GateWatch {
  readonly held: Held;
  /**
   * @param programs whether those in `gates_dir` are asked now, which takes as long as they take, or their last
   * answers are good enough
   */
  look(offer: GateFacts['offer'], programs: 'asked now' | 'as they last said'): Promise<Gate[]>;
}

const programTimeoutMs = 10_000;

export function watchGates(tools: Resident, { checks, updates }: { checks: Checks; updates: Updates }): GateWatch {
  const { box, places, clock, config } = tools;
  const held = openHeld(tools);
  const closedSince = new Map<string, string>();
  let said: readonly Program[] = [];
  let asking: Promise<readonly Program[]> | undefined;

  /** Two who ask at once get one answer. */
  async function askNow(): Promise<void> {
    const { gates_dir } = (await config()).values;
    asking ??= askPrograms(tools, gates_dir, programTimeoutMs).finally(() => {
      asking = undefined;
    });
    said = await asking;
  }

  async function gather(offer: GateFacts['offer']): Promise<GateFacts> {
    const loaded = await config();
    const { values } = loaded;
    const downloads = places.at(values.download_dir_path);
    return {
      config: loaded,
      keys: await keysInUse(places, values),
      offer,
      floor: await readFloor(places, values),
      quarantine: await readQuarantine(places),
      undone: offer !== null && (await wasUndone(offer.version, places, values)),
      hardware: values.hardware ?? (await box.identity()).hardware,
      // A new update goes before the kept copy of the earlier release.
      freeBytes: (await box.freeBytes(downloads)) + (await keptBytes(places, downloads)),
      nowMs: clock.now(),
      clockKnown: await box.clockKnown(),
      backOff: checks.backOff,
      stuck: updates.at.step === 'stuck' ? updates.at.update.to : null,
      postponement: await readPostponement(tools),
      programs: said,
      conditions: await box.conditions(),
      heldSinceMs: await held.sinceMs(),
    };
  }

  return {
    held,
    async look(offer, programs) {
      if (programs === 'asked now') await askNow();
      const now = new Date(clock.now()).toISOString();
      return lookAtGates(await gather(offer)).map((gate) => {
        if (gate.open) closedSince.delete(gate.name);
        else if (!closedSince.has(gate.name)) closedSince.set(gate.name, now);
        return { ...gate, since: closedSince.get(gate.name) ?? null };
      });
    },
  };
}

/** By the history, or, where that is lost, by what was confirmed before an earlier release came back. */
async function wasUndone(version: number, places: Places, config: Config): Promise<boolean> {
  const last = (await readHistory(places)).find(({ to }) => to === version);
  return last?.outcome === 'undone' || wasTakenBack(version, places, config);
}
