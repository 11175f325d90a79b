import { setTimeout as sleep } from 'node:timers/promises';
import { operations } from '../../protocol/operations.ts';
import type { HistoryEntry, Status, UpdateStep } from '../../protocol/views.ts';
import type { Machine } from './machine.ts';
import { service } from './release.ts';
import { differences, readTree, type Tree } from './tree.ts';

/** Ends what hangs: a bad release may take the guard ten minutes, on a machine that is busy besides. */
const patienceMs = 1_800_000;

export type Box = ReturnType<typeof boxOn>;

/** A release as the box should show it. */
export interface Whole {
  readonly version: number;
  readonly tree: Tree;
}

/** An installed box, asked from outside: by its files, its units and its own command line. */
export function boxOn(machine: Machine) {
  const updater = (args: string) => machine.run(`opq-updater ${args}`);
  /** Straight from root's socket: starting node for each look would take half of an emulated processor. */
  async function ask<T>(path: string): Promise<T> {
    const socket = '/run/opq-updater/control.sock';
    return JSON.parse(await machine.ok(`curl -sS --max-time 300 --unix-socket ${socket} http://updater${path}`)) as T;
  }
  const status = (): Promise<Status> => ask(operations.status.path);
  const history = (): Promise<readonly HistoryEntry[]> => ask(operations.history.path);

  /** Whether a unit is `active`, and how often it was restarted in this boot. */
  async function unit(name: string): Promise<{ readonly state: string; readonly restarts: number }> {
    const shown = await machine.ok(`systemctl show --property=ActiveState,NRestarts -- '${name}'`);
    const value = Object.fromEntries(
      shown
        .trim()
        .split('\n')
        .map((line) => line.split('=')),
    );
    return { state: value.ActiveState, restarts: Number(value.NRestarts) };
  }
  const version = async (): Promise<string> =>
    (await machine.run('cat /usr/local/box-config-daemon/VERSION')).out.trim();

  /**
   * Looks until there is what is looked for, through any number of reboots: every few seconds, more rarely where
   * looking itself takes the guest that long, which has better things to do.
   */
  async function until<T>(what: string, timeoutMs: number, look: () => Promise<T | string>): Promise<T> {
    let last: unknown;
    let tookMs = 0;
    for (const end = performance.now() + timeoutMs; performance.now() < end; await sleep(Math.max(2500, 7 * tookMs))) {
      const began = performance.now();
      try {
        const found = await look();
        if (typeof found !== 'string') return found;
        last = found;
      } catch (error) {
        // Between two boots nobody answers.
        last = error;
        machine.mustHaveAKernel();
      } finally {
        tookMs = Math.min(performance.now() - began, 5000);
      }
    }
    throw new Error(`Waited ${timeoutMs / 1000} s for ${what}, last: ${last}`);
  }
  const atRest = (timeoutMs = patienceMs): Promise<Status> =>
    until('a box at rest', timeoutMs, async () => {
      const now = await status();
      return now.state === 'idle' && now.update === null ? now : `${now.state} ${now.update?.because?.code ?? ''}`;
    });

  return {
    updater,
    status,
    history,
    unit,
    version,
    /** Waits until no update is under way. */
    atRest,
    /**
     * Waits until the updater says that it begins a step: seen on the console within a few ms, for a well-placed cut.
     * @param from length of the console before what is waited for; it begins anew at each power-on
     */
    reaches: (step: UpdateStep, { from = 0 } = {}) => machine.onConsole(new RegExp(` ${step} update=`), { from }),
    /** Waits until the updater itself says that an update is in this step. */
    isIn: (step: UpdateStep) =>
      until(`the step ${step}`, patienceMs, async () => {
        const { update } = await status();
        return update?.steps.some(({ name, state }) => name === step && state === 'now') ? true : 'not yet';
      }),
    /** Every file of what an update may change. */
    tree: (): Promise<Tree> => readTree(machine),
    /**
     * The one thing that must hold however an update went: at rest, whole, running. Waits until it is at rest.
     * @param acceptable which releases may be there; the one that is there is returned
     * @throws with each path that differs from the release whose VERSION is there
     */
    async expectWhole<W extends Whole>(...acceptable: readonly W[]): Promise<W> {
      const { installed } = await atRest();
      const found = await version();
      const whole = acceptable.find((one) => String(one.version) === found);
      const versions = acceptable.map((one) => one.version).join(' or ');
      if (!whole) throw new Error(`Expected VERSION ${versions}, found ${found}.`);
      if (installed !== whole.version) throw new Error(`VERSION says ${found}, opq-updater says ${installed}.`);
      const wrong = differences(await readTree(machine), whole.tree);
      if (wrong.length > 0) throw new Error(`Not the whole release ${found}:\n${wrong.join('\n')}`);
      for (const name of [service, 'opq-updater.service']) {
        const { state } = await unit(name);
        if (state !== 'active') throw new Error(`Expected ${name} to be active, found ${state}.`);
      }
      return whole;
    },
    /** Has a person begin the update that the server offers; returns while it runs. */
    async install(args = ''): Promise<void> {
      const { code, out, err } = await updater(`install ${args}`);
      if (code !== 0) throw new Error(`Expected the update to begin, found exit code ${code}: ${out}${err}`);
    },
    /**
     * Waits until the history says how the update to a release ended, and that has to be this.
     * @param code why, for one that was not confirmed
     */
    async expectEnd(to: number, outcome: HistoryEntry['outcome'], code: string | null = null): Promise<HistoryEntry> {
      const entry = await until(`an update to ${to} that has ended`, patienceMs, async () => {
        // One to the same release may have ended before.
        const { update } = await status();
        if (update !== null) return 'an update is under way';
        const [newest] = await history();
        return newest?.to === to ? newest : `the newest is to ${newest?.to}`;
      });
      const found = `${entry.outcome} ${entry.because?.code ?? null}`;
      if (found === `${outcome} ${code}`) return entry;
      throw new Error(
        `Expected the update to ${to} to end ${outcome} ${code}, found ${found}: ${entry.because?.message}`,
      );
    },
  };
}
