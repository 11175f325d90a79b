/** Which file a call means: it may name it from the folder that its process is in, or from one that it has open. */
import { posix } from 'node:path';
import { type Call, pathOfFd, textOf } from './strace.ts';

/** What a process and its threads have in common. */
interface Context {
  cwd: string;
  umask: number;
}

/**
 * @param root where the box lies, without links in it
 * @param cwd of the first process
 */
export function whereabouts(calls: readonly Call[], root: string, cwd: string) {
  const parents = new Map(
    calls.filter(({ name }) => /^(clone3?|v?fork)$/.test(name)).map((call) => [call.result, call]),
  );
  const contexts = new Map<number, Context>();
  /** What each process last opened under a number, for those who name it as /proc/self/fd/N. */
  const opens = new Map<string, string>();

  function contextOf(pid: number): Context {
    const known = contexts.get(pid);
    if (known) return known;
    const birth = parents.get(pid);
    const parent = birth ? contextOf(birth.pid) : { cwd, umask: 0o022 };
    const made = birth?.args.join().includes('CLONE_FS') ? parent : { ...parent };
    contexts.set(pid, made);
    return made;
  }

  /** The path below the box, or undefined for one outside. */
  function below(path: string | undefined): string | undefined {
    if (path === undefined) return undefined;
    const clean = posix.normalize(path).replace(/(.)\/$/, '$1');
    if (clean === root) return '/';
    return clean.startsWith(`${root}/`) ? clean.slice(root.length) : undefined;
  }

  /** Of a path as a call names it, perhaps relative to a folder that is open. */
  function place(call: Call, pathArg: string | undefined, folderArg?: string): string | undefined {
    if (pathArg === undefined || pathArg === 'NULL') return below(folderArg && pathOfFd(folderArg));
    const path = textOf(pathArg).replace(
      /^\/proc\/self\/fd\/(\d+)/,
      (all, fd) => opens.get(`${call.pid} ${fd}`) ?? all,
    );
    if (path.startsWith('/')) return below(path);
    const { cwd: here } = contextOf(call.pid);
    const from = folderArg?.startsWith('AT_FDCWD') === false ? pathOfFd(folderArg) : here;
    if (path === '') return below(folderArg && pathOfFd(folderArg));
    return from === undefined ? undefined : below(`${from}/${path}`);
  }

  function opened({ pid, result, resultPath }: Call): void {
    if (resultPath !== undefined) opens.set(`${pid} ${result}`, resultPath);
  }

  return { below, place, contextOf, opened };
}
