import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { InitParts } from './init-server.ts';
import { readUnit, wantsFolder } from './unit-file.ts';

export interface Result {
  readonly exitCode: number;
  readonly output: string;
}

const done: Result = { exitCode: 0, output: '' };
const failed = (output: string, exitCode = 1): Result => ({ exitCode, output: `${output}\n` });

/** The verbs of systemctl that install scripts of these boxes use; what is missing says so. */
const verbs: Record<string, (parts: InitParts, unit: string) => Promise<Result>> = {
  start: async ({ services }, unit) => ((await services.start(unit)) ? done : failed(`Unit ${unit} not found.`, 5)),
  async stop({ services }, unit) {
    await services.stop(unit);
    return done;
  },
  async restart(parts, unit) {
    await parts.services.stop(unit);
    return verbs.start!(parts, unit);
  },
  async enable({ root }, unit) {
    if (!(await readUnit(root, unit))) return failed(`Unit ${unit} does not exist.`);
    mkdirSync(wantsFolder(root), { recursive: true });
    rmSync(join(wantsFolder(root), unit), { force: true });
    symlinkSync(`../${unit}`, join(wantsFolder(root), unit));
    return done;
  },
  async disable({ root }, unit) {
    rmSync(join(wantsFolder(root), unit), { force: true });
    return done;
  },
  async 'is-active'({ services }, unit) {
    const { state } = await services.state(unit);
    return { exitCode: state === 'active' ? 0 : 3, output: `${state}\n` };
  },
  // Units are read anew whenever they are asked for.
  'daemon-reload': async () => done,
  async reboot({ reboot }) {
    reboot();
    return done;
  },
};

export async function systemctl(parts: InitParts, args: readonly string[]): Promise<Result> {
  const [verb = '', ...units] = args.filter((arg) => !arg.startsWith('-'));
  const run = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (!run) return failed(`A scratch box has no "systemctl ${verb}".`, 64);
  let result = done;
  for (const unit of units.length ? units : ['']) {
    const one = await run(parts, unit === '' || unit.includes('.') ? unit : `${unit}.service`);
    result = { exitCode: result.exitCode || one.exitCode, output: result.output + one.output };
  }
  return result;
}
