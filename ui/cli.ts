/**
 * opq-updater: the one program of a box. This file only looks at the verb and loads the part that it needs, a file
 * beside it: the resident daemon carries nothing of the command line and of its worker, and each starts the sooner.
 */
const inDaemon = ['daemon', 'scratch-box'];
const inWorker = ['worker', 'tuf-client'];

async function run(args: string[]): Promise<number> {
  const at = args[0] === '--root' ? 2 : args[0]?.startsWith('--root=') ? 1 : 0;
  const verb = args[at] ?? '';
  const asked = ['--help', '-h'].includes(args[at + 1] ?? '') ? '' : verb;
  const offline = asked === 'rollback' && args.includes('--offline');
  if (offline || inDaemon.includes(asked)) {
    const { main } = await import('../daemon/main.ts');
    return main(offline ? 'rollback-offline' : verb, args.toSpliced(at, 1));
  }
  if (inWorker.includes(asked)) {
    const { main } = await import('../daemon/work/main.ts');
    return main(verb, args.toSpliced(at, 1));
  }
  // A box asks a new updater for its version before it uses it: it has none when a part is missing or torn.
  if (verb === '--version') await Promise.all([import('../daemon/main.ts'), import('../daemon/work/main.ts')]);
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
