import { execFileSync } from 'node:child_process';

/**
 * Everything about folders below `root` that must come back, a line each: name byte for byte, kind, mode, owner,
 * group, links, time to the nanosecond, where a link leads, content, holes, attributes. Sockets are left out.
 */
export function lookAt(root: string, folders: readonly string[]): string[] {
  const out = execFileSync('python3', ['-c', program, ...folders], { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 });
  return out.split('\n').filter(Boolean);
}

/** Another program than those that copy: what both did not see would be missed. */
const program = `
import hashlib, os, stat, sys
def look(path):
    try: s = os.lstat(path)
    except FileNotFoundError: return print(ascii(path), 'is not there')
    if stat.S_ISSOCK(s.st_mode): return
    link = os.readlink(path) if stat.S_ISLNK(s.st_mode) else b''
    holes = ''
    if stat.S_ISREG(s.st_mode):
        with open(path, 'rb') as f: link = hashlib.sha256(f.read()).hexdigest()
        holes = 'sparse' if s.st_blocks * 512 < s.st_size - 65536 else ''
    attributes = sorted((name, os.getxattr(path, name, follow_symlinks=False)) for name in os.listxattr(path, follow_symlinks=False))
    print(ascii(path), oct(s.st_mode), s.st_uid, s.st_gid, s.st_mtime_ns, '' if stat.S_ISDIR(s.st_mode) else s.st_nlink, s.st_rdev, link, holes, attributes)
    if stat.S_ISDIR(s.st_mode):
        for name in sorted(os.listdir(path)): look(os.path.join(path, name))
for folder in sys.argv[1:]: look(os.fsencode(folder))
`;

/** Bash that plants a tree with all that makes a copy hard. As root: owners, devices, attributes and ACLs too. */
export const hardTree = String.raw`
  mkdir -p usr/local/box/lib etc/opq
  printf 'a\n' > usr/local/box/a; chmod 4751 usr/local/box/a
  printf 'b\n' > 'usr/local/box/lib/with space'; touch -d '2001-02-03 04:05:06.789012345' 'usr/local/box/lib/with space'
  printf 'c\n' > usr/local/box/lib/-dash; printf 'd\n' > $'usr/local/box/lib/line\nend'; printf 'e\n' > usr/local/box/lib/ü
  printf 'g\n' > $'usr/local/box/lib/no\xff\xfeutf8'; mkdir $'usr/local/box/-r\xfff'; printf 'h\n' > $'usr/local/box/-r\xfff/x'
  printf 'i\n' > 'usr/local/box/lib/back\\slash\\n'; printf 'j\n' > 'usr/local/box/lib/*?[x]'; printf 'k\n' > usr/local/box/lib/.hidden
  ln usr/local/box/a usr/local/box/hard; ln -s ../nowhere usr/local/box/dangling; ln -s lib usr/local/box/link
  ln -s $'to\xff\nthere' usr/local/box/odd; touch -h -d '2002-02-02 02:02:02.000000002' usr/local/box/odd
  mkdir usr/local/box/empty; chmod 1770 usr/local/box/empty; truncate -s 3M usr/local/box/sparse
  printf x | dd of=usr/local/box/sparse bs=1 seek=2000000 conv=notrunc 2>/dev/null
  : > usr/local/box/nothing; touch -d '1969-12-31 23:59:58.5 UTC' usr/local/box/nothing; mkfifo -m 640 usr/local/box/pipe
  printf 'f\n' > etc/opq/config; chmod 600 etc/opq/config
  python3 - <<'END'
import os, socket, struct
socket.socket(socket.AF_UNIX).bind('etc/opq/socket')
os.setxattr('etc/opq/config', 'user.opq', b'yes\0\xff')
if os.geteuid() == 0:
    # user::rw-, user:1234:rw-, group::---, mask::rw-, other::---
    acl = struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *e) for e in [(1,6,0xffffffff),(2,6,1234),(4,0,0xffffffff),(16,6,0xffffffff),(32,0,0xffffffff)])
    os.setxattr('etc/opq/config', 'system.posix_acl_access', acl)
    os.setxattr('usr/local/box/lib', 'system.posix_acl_default', acl)
    os.setxattr('usr/local/box/a', 'security.capability', struct.pack('<IIIII', 0x02000000, 1024, 0, 0, 0))
END
  [ "$(id -u)" -ne 0 ] || { chown 1234:5678 usr/local/box/lib/ü; chown -h 7:8 usr/local/box/link; mknod -m 600 usr/local/box/null c 1 3; }
  touch -d '2010-01-01 00:00:00.123456789' usr/local/box/lib usr/local/box/empty usr/local/box etc/opq`;
