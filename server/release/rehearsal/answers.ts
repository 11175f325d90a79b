import type { ErrorCode } from '../../../protocol/error-codes.ts';
import type { Call } from './rehearsal.ts';
import systemctl from './systemctl.sh';

/** Where the calls are noted, each ended by NUL. */
export const callsFile = '/dev/opq-release/calls';

const note = `printf '%s\\0' "\${0##*/} $*" >>${callsFile}`;
const noted = (line: string) => `#!/bin/sh\n${note}\n${line}\n`;

/** Programs that reach further than files; in a rehearsal these stand in their places. */
export const standIns: Readonly<Record<string, string>> = {
  systemctl,
  ...Object.fromEntries(
    ['reboot', 'shutdown', 'poweroff', 'halt', 'init', 'telinit', 'systemd-run', 'umount'].map((name) => [
      name,
      noted('exit 0'),
    ]),
  ),
  mount: `#!/bin/sh\n[ $# -gt 0 ] || exec cat /proc/self/mounts\n${note}\n`,
  ...Object.fromEntries(['modprobe', 'insmod', 'rmmod'].map((name) => [name, noted('exit 1')])),
  // The script is root already; of its options only those of a user or group have a word that follows.
  sudo: '#!/bin/sh\nwhile :; do case $1 in -[ugpCh]) shift 2 ;; -*) shift ;; *=*) export "$1"; shift ;; *) break ;; esac; done; exec "$@"\n',
  // Hundreds of runs need not wait for this machine's disks.
  sync: '#!/bin/sh\nexit 0\n',
};

export interface Objection {
  readonly code: ErrorCode;
  readonly why: string;
}

/** What a box has against a call; undefined when it does what the script expects. */
export function objection({ text }: Call, goesOn: boolean): Objection | undefined {
  return rows.find(({ call, unless }) => call.test(text) && !(unless === 'last' && !goesOn))?.says;
}

const rows: readonly { readonly call: RegExp; readonly unless?: 'last'; readonly says: Objection }[] = [
  {
    call: /^(systemctl .*\b)?(poweroff|halt|suspend|hibernate)\b|^shutdown (?!.*-[rc])|^(init|telinit) 0/,
    says: { code: 'SCRIPT_SHUT_DOWN', why: 'the box stays off, and nobody is there to switch it on' },
  },
  {
    call: /^(systemctl .*\b)?(reboot|kexec|soft-reboot)\b|^shutdown .*-r|^(init|telinit) 6/,
    unless: 'last',
    says: {
      code: 'SCRIPT_SHUT_DOWN',
      why: 'the box goes down while the script goes on; half a minute later what is left of it is killed and the release put back. The updater reboots by itself',
    },
  },
  {
    call: /^systemctl .*\b(mask|unmask|disable|enable|reenable|edit|revert|set-property|link)\b.*\bopq-updater/,
    says: { code: 'UPDATER_TAMPERED', why: "the updater's own units are no release's business" },
  },
  {
    call: /^systemctl .*\b(stop|kill|restart|try-restart)\b.*\bopq-updater/,
    says: { code: 'UPDATER_TAMPERED', why: 'the updater would end in the middle of the update' },
  },
  {
    call: /^u?mount\b/,
    says: { code: 'PATH_NOT_UNDOABLE', why: 'what is mounted is seen by the script alone, and could not be put back' },
  },
  {
    call: /^(modprobe|insmod|rmmod)\b/,
    says: { code: 'WRITE_FAILED', why: 'a script may not change the kernel: the call fails' },
  },
  {
    call: /^systemd-run\b/,
    says: { code: 'PATH_NOT_UNDOABLE', why: 'it runs outside of what confines the script, and could not be put back' },
  },
];
