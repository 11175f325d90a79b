import type { Status } from '../../protocol/views.ts';
import { fakeDaemon } from './fake-daemon.ts';
import { documents, runCli } from './run-cli.ts';
import { statusWith } from './samples.ts';
import type { ScratchBox } from './scratch-box.ts';

/** A box of which there is nothing but what a test has it say: for what is rare, or too short to be looked at. */
export async function toldBox(status: Partial<Status>) {
  const answers = { status: statusWith(status), log: [], history: [] };
  const daemon = await fakeDaemon(answers, { control: 0o600, page: 0o660 });
  const cli: ScratchBox['cli'] = async (...args) => {
    const { exitCode, stdout } = await runCli([...args, '--root', daemon.root, '--json']);
    return { exitCode: exitCode ?? 1, last: documents(stdout).at(-1) };
  };
  return { ...daemon, cli };
}
