import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openJsonLine } from './json-line.ts';
import { type Hardware, type Lines, qemuArguments } from './qemu-arguments.ts';
import { askQemu } from './qmp.ts';

/** One machine from power-on until it is off. Each of its boots is a QEMU of its own, see `startQemu`. */
export interface Qemu {
  readonly lines: Lines;
  readonly running: boolean;
  /** Resolves when the last process is gone for good: disk closed, sockets removed. */
  readonly gone: Promise<void>;
  /** Cuts the power: QEMU is killed where it stands, with all that the guest had only in memory. */
  cut(): Promise<void>;
  /** Plugs the network cable in or pulls it. */
  network(up: boolean): Promise<void>;
}

/**
 * Switches a machine on; does not wait for its boot.
 *
 * When the guest reboots, QEMU ends and the next one is started: a reset inside of QEMU 7.2 takes half a minute to two
 * minutes, as each block of code that it had translated is thrown away by itself when the kernel is laid over it.
 * @param console file that takes what the guest writes to its serial line
 * @param log file that takes what QEMU itself has to say
 * @throws with that when QEMU ends at once
 */
export async function startQemu(hardware: Hardware, console: string, log: string): Promise<Qemu> {
  // The path of a unix socket has at most 107 bytes, and a checkout may lie deep.
  const sockets = await mkdtemp(join(tmpdir(), 'opq-vm-'));
  const socket = (name: string) => join(sockets, name);
  const lines = { agent: socket('agent'), qmp: socket('qmp'), end: socket('end'), console };
  const clock = clockChip(hardware);
  const now = { running: true, cut: false, cable: true };
  const start = () =>
    launch([...qemuArguments({ ...hardware, clock: clock() }, lines), ...(now.cable ? [] : ['-S'])], log);
  let child = start();

  async function live(): Promise<void> {
    try {
      for (;;) {
        const rebooted = endsByReboot(child, lines.end);
        await exitOf(child);
        if (!(await rebooted)) return;
        for (const name of [lines.agent, lines.qmp, lines.end]) await rm(name, { force: true });
        if (now.cut) return;
        child = start();
        if (!now.cable) await pullBeforeItRuns(child, lines.qmp).catch(() => child.kill('SIGKILL'));
      }
    } finally {
      now.running = false;
      await rm(sockets, { recursive: true, force: true });
    }
  }

  const qemu: Qemu = {
    lines,
    gone: live(),
    get running() {
      return now.running;
    },
    async cut() {
      now.cut = true;
      child.kill('SIGKILL');
      await qemu.gone;
    },
    async network(up) {
      await askQemu(lines.qmp, 'set_link', { name: 'nic', up });
      now.cable = up;
    },
  };
  while (![lines.agent, lines.qmp, lines.end, console].every((file) => existsSync(file))) {
    if (!qemu.running) throw new Error(`QEMU did not start: ${(await readFile(log, 'utf8')).slice(-2000)}`);
    await sleep(20);
  }
  return qemu;
}

/** What the clock says at each boot: one that is not this machine's goes on through a reboot. */
function clockChip({ clock }: Hardware): () => string | null {
  const began = performance.now();
  return () =>
    clock === null ? null : new Date(Date.parse(`${clock}Z`) + performance.now() - began).toISOString().slice(0, 19);
}

const aDayMs = 24 * 3600 * 1000;
const running = (child: ChildProcess): boolean =>
  child.pid !== undefined && child.exitCode === null && child.signalCode === null;

/** Also of one that has ended before, or never began. */
const exitOf = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (!running(child)) return resolve();
    child.once('exit', () => resolve());
  });

/** Whether QEMU says at its end that the guest, or its watchdog, wanted a reboot; false when it was killed. */
async function endsByReboot(child: ChildProcess, socket: string): Promise<boolean> {
  while (running(child)) {
    const line = await openJsonLine(socket, aDayMs).catch(() => undefined); // it does not listen yet
    if (line === undefined) {
      await sleep(20);
      continue;
    }
    try {
      line.send({ execute: 'qmp_capabilities' });
      for (;;) {
        const { event, data } = await line.next();
        if (event === 'SHUTDOWN') return (data as { reason?: string }).reason === 'guest-reset';
      }
    } catch {
      return false; // it hung up without a word
    } finally {
      line.close();
    }
  }
  return false;
}

/** The cable of a machine that has just been started, and waits. */
async function pullBeforeItRuns(child: ChildProcess, qmp: string): Promise<void> {
  while (!existsSync(qmp) && running(child)) await sleep(20);
  if (!running(child)) return;
  await askQemu(qmp, 'set_link', { name: 'nic', up: false });
  await askQemu(qmp, 'cont');
}

function launch(args: readonly string[], log: string): ChildProcess {
  const output = openSync(log, 'a');
  try {
    // setpriv becomes QEMU and has it killed with us, however we end: no machine is left running.
    const command = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args];
    // In a session of its own, as a busy machine is shared out by sessions: two machines are not one half each.
    const child = spawn('setpriv', command, { stdio: ['ignore', output, output], detached: true });
    // One that never began: who waits for its sockets is told by this log.
    return child.on('error', (error) => appendFileSync(log, `${error.message}\n`));
  } finally {
    closeSync(output);
  }
}
