import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../box.ts';
import { readUnit, type Unit } from './unit-file.ts';

/** Like systemd: five starts in ten seconds and a service counts as failed. */
const startLimit = { burst: 5, intervalMs: 10_000 };
const stopTimeoutMs = 5000;

interface Running {
  state: 'active' | 'starting' | 'failed' | 'inactive';
  restarts: number;
  child?: ChildProcess;
  starts: number[];
  wanted: boolean;
}

/** Keeps the services of a scratch box as real child processes, restarted as their units say. */
export function supervise(root: string, environment: NodeJS.ProcessEnv, say: (text: string) => void) {
  const services = new Map<string, Running>();
  const known = (name: string): Running => {
    const found = services.get(name) ?? { state: 'inactive', restarts: 0, starts: [], wanted: false };
    services.set(name, found);
    return found;
  };

  function launch(unit: Unit, service: Running): void {
    service.starts = [...service.starts.filter((at) => Date.now() - at < startLimit.intervalMs), Date.now()];
    if (service.starts.length > startLimit.burst) {
      service.state = 'failed';
      say(`${unit.name}: started too often, failed`);
      return;
    }
    mkdirSync(join(root, 'var/log'), { recursive: true });
    const output = openSync(join(root, 'var/log', `${unit.name}.log`), 'a');
    const [program = '', ...args] = unit.execStart;
    const inside = join(root, program);
    const child = spawn(existsSync(inside) ? inside : program, args, {
      cwd: root,
      env: environment,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    service.child = child;
    service.state = 'active';
    const ended = (how: number | string | null) => {
      if (service.child !== child) return;
      delete service.child;
      const failed = how !== 0 && service.wanted;
      service.state = failed ? 'failed' : 'inactive';
      if (!service.wanted) return;
      say(`${unit.name}: ended with ${how}`);
      if (unit.restart === 'no' || (unit.restart === 'on-failure' && !failed)) return;
      service.restarts++;
      service.state = 'starting';
      setTimeout(() => service.wanted && !service.child && launch(unit, service), unit.restartS * 1000);
    };
    child.once('exit', (code, signal) => ended(code ?? signal));
    child.once('error', (error) => ended(error.message));
  }

  async function start(name: string): Promise<boolean> {
    const unit = await readUnit(root, name);
    if (!unit) return false;
    const service = known(name);
    if (service.state === 'active') return true;
    service.wanted = true;
    service.starts = [];
    launch(unit, service);
    return true;
  }

  async function stop(name: string): Promise<void> {
    const service = known(name);
    service.wanted = false;
    service.state = 'inactive';
    if (service.child) await endProcess(service.child);
  }

  return {
    start,
    stop,
    stopAll: () => Promise.all([...services.keys()].map(stop)),
    async state(name: string): Promise<Service> {
      const service = services.get(name);
      const unit = await readUnit(root, name);
      const byHand = !unit?.enabled;
      if (!unit && !service?.child) return { state: 'absent', restarts: 0, byHand };
      return { state: service?.state ?? 'inactive', restarts: service?.restarts ?? 0, byHand };
    },
  };
}

/** SIGTERM, and SIGKILL for what does not listen; back when it is gone. */
export async function endProcess(child: ChildProcess, timeoutMs = stopTimeoutMs): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = new AbortController();
  await Promise.race([
    gone,
    sleep(timeoutMs, undefined, { signal: timer.signal }).then(
      () => child.kill('SIGKILL'),
      () => {}, // it ended in time
    ),
  ]);
  timer.abort();
  await gone;
}
