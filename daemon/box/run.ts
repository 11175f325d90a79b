export interface Ran {
  /** null = it was killed, or ran out of time. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, as they came. */
  readonly output: string;
}

/** What a program may say: the last of it is kept. */
const maxOutput = 256 * 1024;
/** For the last words of one that has ended. */
const drainMs = 1000;

/**
 * Runs a program until it ends or its time is over, and is back then: what it left running may hold its output open
 * for as long as it likes.
 */
export async function run(
  program: string,
  args: readonly string[],
  { timeoutMs, env = {} }: { readonly timeoutMs: number; readonly env?: Readonly<Record<string, string>> },
): Promise<Ran> {
  const { execa } = await import('execa');
  const child = execa(program, args, { reject: false, buffer: false, stdin: 'ignore', timeout: timeoutMs, env });
  const said = { stdout: '', stderr: '', output: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      for (const all of [name, 'output'] as const) said[all] = (said[all] + text).slice(-maxOutput);
    });
  }
  child.once('exit', () => setTimeout(() => [child.stdout, child.stderr].map((stream) => stream.destroy()), drainMs));
  const { exitCode, originalMessage } = await child;
  // Not even begun, as when there is no such program: what is known of it is in the message.
  if (exitCode === undefined && said.output === '') said.stderr = said.output = originalMessage ?? '';
  return { exitCode: exitCode ?? null, ...said };
}
