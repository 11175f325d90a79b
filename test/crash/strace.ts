/** What strace saw of a run: the system calls, whole and in the order in which they came to an end. */

/** Everything that changes a disk or makes a change safe, and what is needed to know which file is meant. */
const names = [
  'open,openat,?openat2,creat,mknod,mknodat,write,pwrite64,writev,pwritev,?pwritev2,truncate,ftruncate,fallocate',
  'rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir',
  'chmod,fchmod,fchmodat,?fchmodat2,chown,fchown,lchown,fchownat,utime,utimes,futimesat,utimensat',
  'setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr',
  'fsync,fdatasync,sync,syncfs,sync_file_range,copy_file_range,sendfile,splice,lseek,mmap,io_uring_setup',
  'chdir,fchdir,umask,clone,clone3,fork,vfork',
].join(',');

/**
 * The command that runs another one and notes its calls and those of all its children. Nothing is synced for real,
 * which only costs time here, and copies go through `write`, so that every byte is in the log.
 */
export const straceCommand = (log: string): string[] => [
  ...['strace', '--follow-forks', '--seccomp-bpf', '--decode-fds=path', '-xx', '-ttt', '--string-limit=100000000'],
  ...['--quiet=all', `--output=${log}`, `--trace=${names}`],
  ...['--inject=sync,syncfs:retval=0', '--inject=copy_file_range,sendfile:error=ENOSYS', '--'],
];

export interface Call {
  readonly pid: number;
  readonly name: string;
  readonly args: readonly string[];
  readonly result: number;
  /** What an opened file is called, where the call gave one. */
  readonly resultPath: string | undefined;
  /** Number of the line in which it began: calls of other threads may have ended between. */
  readonly begun: number;
  readonly ended: number;
  /** Wall clock, ns. */
  readonly atNs: bigint;
}

/** The calls that succeeded. */
export function parseCalls(log: string): Call[] {
  const calls: Call[] = [];
  const unfinished = new Map<string, { text: string; begun: number }>();
  log.split('\n').forEach((line, number) => {
    const [, pid = '', seconds = '', nanos = '', rest = ''] = /^(\d+) +(\d+)\.(\d+) (.*)$/.exec(line) ?? [];
    if (!pid || /^(---|\+\+\+)/.test(rest)) return;
    const atNs = BigInt(seconds) * 1_000_000_000n + BigInt(nanos.padEnd(9, '0'));
    if (rest.endsWith('<unfinished ...>')) {
      unfinished.set(pid, { text: rest.slice(0, -'<unfinished ...>'.length), begun: number });
      return;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const first = unfinished.get(pid);
    if (resumed) unfinished.delete(pid);
    const text = resumed ? `${first?.text ?? ''}${resumed[1]}` : rest;
    const [, name, args = '', result = '', path] =
      /^(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(?:<([^>]*)>)?/.exec(text) ?? [];
    if (name === undefined) throw new Error(`strace wrote a line that is not understood: ${line.slice(0, 300)}`);
    if (result === '?' || Number(result) < 0) return;
    calls.push({
      pid: Number(pid),
      name,
      args: [...args.matchAll(/ ?\[[^\]]*\]| ?\{[^}]*\}|[^,]+/g)].map(([arg]) => arg.trim()),
      result: Number(result),
      resultPath: path === undefined ? undefined : textOf(path),
      begun: resumed ? (first?.begun ?? number) : number,
      ended: number,
      atNs,
    });
  });
  return calls;
}

/** The bytes of a string as strace writes it: every one as `\xNN`. */
export function bytesOf(arg: string): Buffer {
  if (arg.endsWith('...')) throw new Error('strace cut a string off');
  return Buffer.from(arg.replace(/\\x|"/g, ''), 'hex');
}

export const textOf = (arg: string): string => bytesOf(arg).toString('utf8');

/** The path of an open file: `3<...>`; undefined for what has no name any more, or never had one. */
export function pathOfFd(arg: string): string | undefined {
  const [, hex, gone] = /<([^>]*)>(.*)$/.exec(arg) ?? [];
  if (hex === undefined || gone?.includes('deleted')) return undefined;
  const path = textOf(hex);
  return path.startsWith('/') && !path.endsWith(' (deleted)') ? path : undefined;
}
