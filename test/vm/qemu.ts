import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Hardware, type Lines, qemuArguments } from './qemu-arguments.ts';

/** One QEMU of ours, from power-on until it is gone. */
export interface Qemu {
  readonly lines: Lines;
  readonly running: boolean;
  /** Resolves when the process is gone for good: disk closed, sockets removed. */
  readonly gone: Promise<void>;
  /** Cuts the power: QEMU is killed where it stands, with all that the guest had only in memory. */
  cut(): Promise<void>;
}

/**
 * Switches a machine on; does not wait for its boot.
 * @param console file that takes what the guest writes to its serial line
 * @param log file that takes what QEMU itself has to say
 * @throws with that when QEMU ends at once
 */
export async function startQemu(hardware: Hardware, console: string, log: string): Promise<Qemu> {
  // The path of a unix socket has at most 107 bytes, and a checkout may lie deep.
  const sockets = await mkdtemp(join(tmpdir(), 'opq-vm-'));
  const lines = { agent: join(sockets, 'agent'), qmp: join(sockets, 'qmp'), console };
  const child = launch(qemuArguments(hardware, lines), log);
  const gone = once(child, 'exit').then(() => rm(sockets, { recursive: true, force: true }));
  const qemu: Qemu = {
    lines,
    gone,
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    async cut() {
      child.kill('SIGKILL');
      await gone;
    },
  };
  while (![lines.agent, lines.qmp, console].every((file) => existsSync(file))) {
    if (!qemu.running) throw new Error(`QEMU did not start: ${(await readFile(log, 'utf8')).slice(-2000)}`);
    await sleep(20);
  }
  return qemu;
}

function launch(args: readonly string[], log: string): ChildProcess {
  const output = openSync(log, 'a');
  try {
    // setpriv becomes QEMU and has it killed with us, however we end: no machine is left running.
    const command = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args];
    // In a session of its own, as a busy machine is shared out by sessions: two machines are not one half each.
    return spawn('setpriv', command, { stdio: ['ignore', output, output], detached: true });
  } finally {
    closeSync(output);
  }
}
