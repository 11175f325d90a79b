/**
 * opq-updater: the one program of a box. This file only looks at the verb and loads the half that it needs, so
 * that the resident daemon carries nothing of the command line and the command line nothing of the daemon.
 */
const processVerbs = ['daemon', 'worker', 'scratch-box', 'tuf-client'];

async function run(args: string[]): Promise<number> {
  const at = args[0] === '--root' ? 2 : args[0]?.startsWith('--root=') ? 1 : 0;
  const verb = args[at] ?? '';
  const offline = verb === 'rollback' && args.includes('--offline');
  if ((processVerbs.includes(verb) || offline) && !['--help', '-h'].includes(args[at + 1] ?? '')) {
    const { main } = await import('../daemon/main.ts');
    return main(offline ? 'rollback-offline' : verb, args.toSpliced(at, 1));
  }
  const { main } = await import('./cli/main.ts');
  return main(args, process);
}

run(process.argv.slice(2)).then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
