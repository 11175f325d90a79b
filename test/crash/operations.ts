/** From system calls to what they did to the disk below one folder. What it does not understand it refuses. */
import { posix } from 'node:path';
import { apply, type Change, type Disk, find, type Inode, type Operation, restsOn, top, withUnborn } from './disk.ts';
import { bytesOf, type Call, pathOfFd, textOf } from './strace.ts';
import { whereabouts } from './whereabouts.ts';

/** A file of this name stands for the moment in which a box that goes down in order lets go of its disks. */
export const unmounted = '/run/unmounted';

/** In memory on a box. */
const isVolatile = (path: string) => path === '/run' || path.startsWith('/run/');
/** Written for people alone, beside what an update does: nothing that decides reads it. */
export const isIgnored = (path: string) =>
  path.startsWith('/var/log/') || path === '/var/lib/opq-updater/black-box.jsonl';

const noBytes = Buffer.alloc(0);

/**
 * @param root where the box lies, without links in it
 * @param cwd of the first process
 */
export function operationsOf(calls: readonly Call[], before: Disk, root: string, cwd: string): Operation[] {
  const ops: Operation[] = [];
  let disk = before;
  let nextIno = Math.max(...before.keys()) + 1;
  /** Where the next plain write to a file goes; one writer at a time is all that there may be. */
  const positions = new Map<number, number | 'end'>();
  const { below, place, contextOf, opened: remember } = whereabouts(calls, root, cwd);
  const endedAt: number[] = [];

  function inoOf(path: string): number {
    if (path === '/') return top;
    const { folder, name } = parentOf(path);
    const ino = disk.get(folder)!.entries.get(name);
    if (ino === undefined) throw new Error(`${path} was used, but nothing has made it`);
    return ino;
  }

  function parentOf(path: string): { folder: number; name: string } {
    const parent = posix.dirname(path);
    const inode = find(disk, parent);
    if (inode?.kind !== 'folder') throw new Error(`${parent} should be a folder: ${path}`);
    return { folder: inoOf(parent), name: posix.basename(path) };
  }

  // biome-ignore lint/suspicious/noExplicitAny: one of the operations without what they have in common
  function add(call: Call, path: string, op: any): void {
    const note = `${call.name} ${path}`;
    const made: Operation = { ...op, atNs: call.atNs, volatile: isVolatile(path), note };
    if (made.kind === 'enter' && made.born) disk = withUnborn(disk, [made]);
    if (made.kind === 'sync') refuseRace(call, made);
    else disk = apply(disk, [made]);
    ops.push(made);
    endedAt.push(call.ended);
  }

  /** A sync may not have seen what another thread did while it ran. */
  function refuseRace(call: Call, sync: Operation & { kind: 'sync' }): void {
    for (let n = ops.length - 1; n >= 0 && endedAt[n]! > call.begun; n--) {
      const op = ops[n]!;
      if (op.kind === 'sync' || op.volatile || (sync.what !== null && !restsOn(op).includes(sync.what))) continue;
      throw new Error(`${op.note} came to an end during ${sync.note}: neither before nor after it`);
    }
  }

  function create(call: Call, path: string, kind: Inode['kind'], mode: number, data = noBytes): number {
    const { umask } = contextOf(call.pid);
    const ino = nextIno++;
    const born: Inode = {
      kind,
      mode: kind === 'link' ? 0o777 : mode & ~umask & 0o7777,
      uid: process.geteuid?.() ?? 0,
      gid: process.getegid?.() ?? 0,
      mtimeNs: call.atNs,
      data,
      entries: new Map(),
    };
    add(call, path, { kind: 'enter', ...parentOf(path), ino, born });
    return ino;
  }

  function opened(call: Call, path: string | undefined, flags: string, mode: string | undefined): void {
    if (path === undefined || isIgnored(path) || !/O_WRONLY|O_RDWR|O_CREAT/.test(flags)) return;
    if (/O_TMPFILE|O_DIRECT\b/.test(flags)) throw new Error(`${path} is opened with ${flags}`);
    if (path === unmounted) {
      add(call, '/', { kind: 'sync', what: null, dataOnly: false, machine: true });
      return;
    }
    const there = find(disk, path);
    const ino = there ? inoOf(path) : create(call, path, 'file', Number.parseInt(mode ?? '0', 8));
    if (/O_TRUNC/.test(flags) && there && there.data.length > 0) add(call, path, { kind: 'cut', ino, sizeBytes: 0 });
    positions.set(ino, /O_APPEND/.test(flags) ? 'end' : 0);
  }

  function wrote(call: Call, bytes: Buffer, offset: number | undefined): void {
    const path = below(pathOfFd(call.args[0]!));
    if (path === undefined || isIgnored(path) || path === unmounted) return;
    const ino = inoOf(path);
    const position = positions.get(ino);
    if (position === undefined && offset === undefined) throw new Error(`${path} is written, but was not opened`);
    const at = offset ?? (position === 'end' ? disk.get(ino)!.data.length : position!);
    const done = bytes.subarray(0, call.result);
    if (done.length > 0) add(call, path, { kind: 'write', ino, at, bytes: done });
    if (offset === undefined && position !== 'end') positions.set(ino, at + done.length);
  }

  function moved(call: Call, from: string | undefined, to: string | undefined, flags = ''): void {
    if (flags.includes('RENAME_EXCHANGE')) throw new Error('two names were exchanged');
    if (from === undefined && to === undefined) return;
    if (from === undefined || to === undefined) throw new Error('a rename across the border of the box');
    if (isIgnored(from)) return;
    const ino = inoOf(from);
    const { folder: fromFolder, name: fromName } = parentOf(from);
    const move = { kind: 'move', from: fromFolder, fromName, ...parentOf(to), ino };
    add(call, `${from} -> ${to}`, move);
  }

  function gone(call: Call, path: string | undefined): void {
    if (path !== undefined && !isIgnored(path)) add(call, path, { kind: 'leave', ...parentOf(path) });
  }

  function meta(call: Call, path: string | undefined, change: Partial<Inode>): void {
    if (path !== undefined && !isIgnored(path)) add(call, path, { kind: 'meta', ino: inoOf(path), change });
  }

  function synced(call: Call, dataOnly: boolean): void {
    const path = below(pathOfFd(call.args[0]!));
    if (path === undefined || isIgnored(path)) return;
    add(call, path, { kind: 'sync', what: inoOf(path), dataOnly, machine: false });
  }

  function timesOf(arg: string | undefined, call: Call): Partial<Inode> {
    const last = [...(arg ?? '').matchAll(/tv_sec=(-?\d+), tv_nsec=(\d+)|UTIME_NOW|UTIME_OMIT/g)].at(-1);
    if (last?.[0] === 'UTIME_OMIT') return {};
    if (last?.[1] === undefined) return { mtimeNs: call.atNs };
    return { mtimeNs: BigInt(last[1]) * 1_000_000_000n + BigInt(last[2]!) };
  }

  const octal = (text: string | undefined) => Number.parseInt(text ?? '', 8);
  const owners = (uid: string, gid: string): Partial<Inode> => ({
    ...(uid === '-1' ? {} : { uid: Number(uid) }),
    ...(gid === '-1' ? {} : { gid: Number(gid) }),
  });
  const vector = (arg: string) =>
    Buffer.concat([...arg.matchAll(/iov_base="([^"]*)"/g)].map(([, hex]) => bytesOf(hex!)));
  const refuse = (call: Call, path: string | undefined) => {
    if (path !== undefined && !isIgnored(path)) throw new Error(`${call.name} of ${path} is not known to the model`);
  };

  const rows: Record<string, (call: Call, args: readonly string[]) => void> = {
    open: (call, [path, flags, mode]) => opened(call, place(call, path), flags!, mode),
    openat: (call, [at, path, flags, mode]) => opened(call, place(call, path, at), flags!, mode),
    creat: (call, [path, mode]) => opened(call, place(call, path), 'O_WRONLY|O_CREAT|O_TRUNC', mode),
    write: (call, [, bytes]) => wrote(call, bytesOf(bytes!), undefined),
    pwrite64: (call, [, bytes, , at]) => wrote(call, bytesOf(bytes!), Number(at)),
    writev: (call, [, parts]) => wrote(call, vector(parts!), undefined),
    pwritev: (call, [, parts, , at]) => wrote(call, vector(parts!), Number(at)),
    lseek(call, [fd]) {
      const path = below(pathOfFd(fd!));
      const ino = path === undefined || !find(disk, path) ? undefined : inoOf(path);
      if (ino !== undefined && typeof positions.get(ino) === 'number') positions.set(ino, call.result);
    },
    truncate: (call, [path, size]) => cut(call, place(call, path), Number(size)),
    ftruncate: (call, [fd, size]) => cut(call, below(pathOfFd(fd!)), Number(size)),
    rename: (call, [from, to]) => moved(call, place(call, from), place(call, to)),
    renameat: (call, [at, from, at2, to]) => moved(call, place(call, from, at), place(call, to, at2)),
    renameat2: (call, [at, from, at2, to, flags]) => moved(call, place(call, from, at), place(call, to, at2), flags),
    link: (call, [from, to]) => linked(call, place(call, from), place(call, to)),
    linkat: (call, [at, from, at2, to]) => linked(call, place(call, from, at), place(call, to, at2)),
    symlink: (call, [to, path]) => leads(call, to!, place(call, path)),
    symlinkat: (call, [to, at, path]) => leads(call, to!, place(call, path, at)),
    unlink: (call, [path]) => gone(call, place(call, path)),
    rmdir: (call, [path]) => gone(call, place(call, path)),
    unlinkat: (call, [at, path]) => gone(call, place(call, path, at)),
    mkdir: (call, [path, mode]) => made(call, place(call, path), mode),
    mkdirat: (call, [at, path, mode]) => made(call, place(call, path, at), mode),
    chmod: (call, [path, mode]) => meta(call, place(call, path), { mode: octal(mode) }),
    fchmod: (call, [fd, mode]) => meta(call, below(pathOfFd(fd!)), { mode: octal(mode) }),
    fchmodat: (call, [at, path, mode]) => meta(call, place(call, path, at), { mode: octal(mode) }),
    fchmodat2: (call, [at, path, mode]) => meta(call, place(call, path, at), { mode: octal(mode) }),
    chown: (call, [path, uid, gid]) => meta(call, place(call, path), owners(uid!, gid!)),
    lchown: (call, [path, uid, gid]) => meta(call, place(call, path), owners(uid!, gid!)),
    fchown: (call, [fd, uid, gid]) => meta(call, below(pathOfFd(fd!)), owners(uid!, gid!)),
    fchownat: (call, [at, path, uid, gid]) => meta(call, place(call, path, at), owners(uid!, gid!)),
    utimensat: (call, [at, path, times]) => meta(call, place(call, path, at), timesOf(times, call)),
    fsync: (call) => synced(call, false),
    fdatasync: (call) => synced(call, true),
    sync: (call) => add(call, '/', { kind: 'sync', what: null, dataOnly: false, machine: false }),
    syncfs: (call, [fd]) => {
      if (below(pathOfFd(fd!)) !== undefined) rows.sync!(call, []);
    },
    chdir(call, [path]) {
      const context = contextOf(call.pid);
      context.cwd = posix.resolve(context.cwd, textOf(path!));
    },
    fchdir(call, [fd]) {
      contextOf(call.pid).cwd = pathOfFd(fd!) ?? '/';
    },
    umask(call, [mask]) {
      contextOf(call.pid).umask = octal(mask);
    },
    mmap(call, [, , protection, flags, fd]) {
      if (/PROT_WRITE/.test(protection!) && /MAP_SHARED/.test(flags!)) refuse(call, below(pathOfFd(fd!)));
    },
    setxattr(call, [path, name, , size]) {
      // An access list of three entries is the mode in other words, which was set just before.
      if (textOf(name!) !== 'system.posix_acl_access' || size !== '28') refuse(call, place(call, path));
    },
    removexattr(call, [path, name]) {
      if (textOf(name!) !== 'system.posix_acl_default') refuse(call, place(call, path));
    },
    clone: () => {},
    clone3: () => {},
    fork: () => {},
    vfork: () => {},
  };

  function cut(call: Call, path: string | undefined, sizeBytes: number): void {
    if (path !== undefined && !isIgnored(path)) add(call, path, { kind: 'cut', ino: inoOf(path), sizeBytes });
  }
  function made(call: Call, path: string | undefined, mode: string | undefined): void {
    if (path !== undefined && !isIgnored(path)) create(call, path, 'folder', octal(mode));
  }
  function linked(call: Call, from: string | undefined, to: string | undefined): void {
    if (from !== undefined && to !== undefined) add(call, to, { kind: 'enter', ...parentOf(to), ino: inoOf(from) });
  }
  function leads(call: Call, target: string, path: string | undefined): void {
    if (path !== undefined) create(call, path, 'link', 0o777, Buffer.from(textOf(target)));
  }

  for (const call of calls) {
    remember(call);
    const row = rows[call.name];
    if (row) row(call, call.args);
    // Calls on files that the model has no row for: fine outside of the box alone.
    else for (const arg of call.args) refuse(call, arg.includes('<') ? below(pathOfFd(arg)) : place(call, arg));
  }
  return ops;
}

export const isChange = (op: Operation): op is Change => op.kind !== 'sync';
