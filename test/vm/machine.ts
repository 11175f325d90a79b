import { mkdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Checked, checkFileSystem } from './disk.ts';
import { askAgent, type Ended, runInGuest, startInGuest, writeInGuest } from './guest-agent.ts';
import { HungBoot } from './hung-boot.ts';
import { type Qemu, startQemu } from './qemu.ts';
import type { Hardware } from './qemu-arguments.ts';
import { askQemu } from './qmp.ts';

/** Long: a boot takes 20 s on an idle machine and ten times that on a crowded one. */
const bootMs = 600_000;
/** For what is done in there; ends what hangs. */
const commandMs = 1_800_000;

export type Machine = ReturnType<typeof openMachine>;

/** `folder` takes consoles and logs. */
type Plan = Pick<Hardware, 'image' | 'disk'> & Partial<Hardware> & { readonly folder: string };

/** A machine that is off, with a disk. */
export function openMachine({ folder, ...plan }: Plan) {
  let hardware: Hardware = {
    clock: null,
    log: null,
    serve: {},
    forward: {},
    files: [],
    kernelWords: [],
    memoryMb: 512,
    ...plan,
  };
  let qemu: Qemu | undefined;
  const counts = { powerOns: 0, cuts: 0 };
  mkdirSync(folder, { recursive: true });

  const on = (): Qemu => {
    if (qemu?.running) return qemu;
    throw new Error('The machine is off.');
  };
  const run = (script: string, { input = '', timeoutMs = commandMs } = {}): Promise<Ended> =>
    runInGuest(on().lines.agent, script, input, timeoutMs);
  const ok = async (script: string, how?: { input?: string; timeoutMs?: number }): Promise<string> => {
    const { code, out, err } = await run(script, how);
    if (code === 0) return out;
    throw new Error(`Expected exit code 0 in the guest, found ${code}: ${script}\n${out}${err}`);
  };
  const order = async (script: string): Promise<void> => {
    await startInGuest(on().lines.agent, script, '', commandMs);
  };
  const bootId = async (): Promise<string> => (await ok('cat /proc/sys/kernel/random/boot_id')).trim();

  /** @throws HungBoot when the kernel of the guest has failed by itself, as it may in an emulator now and then */
  function mustHaveAKernel(): void {
    const said = /\b(Oops: .*|BUG: .*|Kernel panic - not syncing: .*)/.exec(consoleText())?.[1];
    if (said !== undefined) throw new HungBoot(`The kernel of the guest failed: ${said.trim()}`);
  }

  /** Asks again until there is something; fails at once when the machine goes off or its kernel fails meanwhile. */
  async function until<T>(
    what: string,
    timeoutMs: number,
    look: () => Promise<T | undefined>,
    everyMs = 100,
  ): Promise<T> {
    let looked = performance.now();
    for (const end = performance.now() + timeoutMs; performance.now() < end; await sleep(everyMs)) {
      on();
      if (performance.now() - looked > 2000) {
        mustHaveAKernel();
        looked = performance.now();
      }
      const found = await look();
      if (found !== undefined) return found;
    }
    throw new Error(`Waited ${timeoutMs / 1000} s for ${what}. The console ends with:\n${consoleText().slice(-1500)}`);
  }
  const consoleText = (): string => (qemu ? readFileSync(qemu.lines.console, 'latin1') : '');
  const answers = (): Promise<boolean> =>
    askAgent(on().lines.agent, 'guest-ping', {}, 2000).then(
      () => true,
      () => false,
    );
  const agent = (timeoutMs = bootMs): Promise<true> =>
    until("the guest's agent", timeoutMs, async () => (await answers()) || undefined);

  /** Waits until systemd has started all it had to; `running`, or `degraded` when a unit failed. */
  async function settled(timeoutMs = bootMs): Promise<string> {
    await agent(timeoutMs);
    return (await run('systemctl is-system-running --wait', { timeoutMs })).out.trim();
  }

  /** Switches it on without waiting; what is given of the hardware stays changed. */
  async function powerOn(change: Partial<Hardware> = {}): Promise<void> {
    if (qemu?.running) throw new Error('The machine is on already.');
    hardware = { ...hardware, ...change };
    counts.powerOns += 1;
    qemu = await startQemu(hardware, join(folder, `console-${counts.powerOns}.log`), join(folder, 'qemu.log'));
  }

  async function off(): Promise<void> {
    await qemu?.cut();
  }

  /** Waits until it has switched itself off. */
  async function goesOff(timeoutMs = bootMs): Promise<void> {
    if (!qemu?.running) return;
    const late = sleep(timeoutMs, 'late', { ref: false });
    if ((await Promise.race([qemu.gone, late])) === 'late')
      throw new Error(`Expected the machine to be off, found it on after ${timeoutMs / 1000} s.`);
  }

  return {
    folder,
    counts: counts as Readonly<typeof counts>,
    powerOn,
    agent,
    settled,
    /**
     * Switches it on and waits until it has booted.
     * @throws HungBoot, with which a scenario is tried once more
     */
    async boot(change: Partial<Hardware> = {}): Promise<string> {
      await powerOn(change);
      return settled().catch((cause) => {
        throw new HungBoot((cause as Error).message, { cause });
      });
    },
    /** Power cut: counted. Nothing happens to a machine that is off. */
    async cut(): Promise<void> {
      if (!qemu?.running) return;
      counts.cuts += 1;
      await off();
    },
    /** Gets rid of it: no test's power cut. */
    off,
    /** Shuts it down in order. */
    async powerOff(): Promise<void> {
      await order('systemctl poweroff');
      await goesOff();
    },
    goesOff,
    mustHaveAKernel,
    bootId,
    /** Waits until the guest has rebooted by itself: runs under another boot id than `before`. */
    otherBoot: (before: string, timeoutMs = commandMs): Promise<string> =>
      until(
        'a reboot',
        timeoutMs,
        async () => {
          // Between the boots there is no agent, or one that is on its way out.
          const id = (await answers()) ? await bootId().catch(() => before) : before; // it answered, then went down
          return id === before ? undefined : id;
        },
        // Each look starts a program in there.
        1500,
      ),
    run,
    ok,
    /** Runs a script without waiting for its end: for one that takes the machine down, and the agent with it. */
    order,
    /** Writes a file of this machine, or some content, to the guest's path. */
    async push(content: string | Buffer | { readonly file: string }, path: string, mode = '0644'): Promise<void> {
      const bytes =
        typeof content === 'object' && 'file' in content ? await readFile(content.file) : Buffer.from(content);
      await ok(`mkdir -p '${dirname(path)}'`);
      await writeInGuest(on().lines.agent, path, bytes);
      await ok(`chmod ${mode} '${path}' && sync '${path}'`);
    },
    /** All that the guest has written to its serial line since power-on; outlives a power cut. */
    console: consoleText,
    /** Waits for something there; `from` = length of what is old. For what the host must see within a few ms. */
    onConsole: (pattern: RegExp, { from = 0, timeoutMs = commandMs } = {}): Promise<RegExpExecArray> =>
      until(
        `${pattern} on the console`,
        timeoutMs,
        async () => pattern.exec(consoleText().slice(from)) ?? undefined,
        10,
      ),
    /** Plugs the network cable in or pulls it. */
    network: (up: boolean): Promise<void> => on().network(up),
    qemu: (command: string, args?: object): Promise<unknown> => askQemu(on().lines.qmp, command, args),
    /** Of a machine that is off. */
    checkFileSystem: (): Promise<Checked> => checkFileSystem(hardware.disk),
  };
}
