import type { CheckUp } from '../../protocol/views.ts';
import type { Conditions } from './conditions.ts';
import type { Kept, PrepareUndo, Undo } from './undo/selective.ts';

/**
 * The machine that is updated, behind one door. The scratch box does to a folder what the systemd box does to a
 * Raspberry Pi. Nothing outside this folder touches services, scripts, snapshots or the reboot.
 */
export interface Box {
  readonly kind: 'systemd' | 'scratch';
  /** One sentence for the log at the start: what this box is and what it cannot do. */
  readonly about: string;

  /** Another id after every boot. */
  bootId(): Promise<string>;
  /** How the boot before this one ended: all services were stopped in order, or the power went. */
  lastShutdown(): Promise<'orderly' | 'cut'>;
  identity(): Promise<Identity>;
  /** False: the clock may be years off, as a box without a battery has it until the network told it the time. */
  clockKnown(): Promise<boolean>;
  /** What an update should wait for; cheap, may be called often. */
  conditions(): Promise<Conditions>;
  /** What folders of the box take: bytes, and files however small; one that does not exist takes none. */
  sizeOf(paths: readonly string[]): Promise<{ readonly bytes: number; readonly inodes: number }>;
  /** What an update needs of this kind of box beside what every box has: for `doctor`. */
  checkUp(): Promise<readonly CheckUp[]>;
  /** Tells whoever started this process that it is ready for work. */
  ready(): Promise<void>;
  /** Tells whoever watches over this process that it is alive; called twice a minute. */
  alive(): Promise<void>;
  /** Free space where `path` lies (or would lie), bytes that this process may use. */
  freeBytes(path: string): Promise<number>;
  /** How many more files fit there; without end where a file system does not count them. */
  freeInodes(path: string): Promise<number>;

  /** Looks for the default gateway, for seconds if need be. */
  gateway(): Promise<Gateway>;

  /**
   * Fingerprints of the updater's own units, by name: another one when somebody masked, overrode or disabled a unit.
   * @throws UpdateError INTERNAL when it cannot be told
   */
  ownUnits(): Promise<Readonly<Record<string, string>>>;
  service(name: string): Promise<Service>;
  /** Returns when its start is under way. @throws UpdateError INTERNAL when it cannot be */
  startService(name: string): Promise<void>;
  /** @throws UpdateError SERVICE_NOT_STOPPED when it is still running afterwards */
  stopService(name: string): Promise<void>;

  /**
   * Runs install_update.sh in `folder` as root; the script goes on if this process dies.
   * @throws UpdateError SCRIPT_NOT_STARTED when not a line of it has run
   */
  runScript(run: ScriptRun): Promise<ScriptEnd>;
  /** Ends whatever is left of the script, children included; fine when nothing runs. */
  killScript(): Promise<void>;
  /** Runs a program of the box's owner, such as a health check, with all that it starts; what it leaves is ended. */
  runProgram(path: string, timeoutMs: number): Promise<{ readonly exitCode: number | null; readonly output: string }>;

  /**
   * Copies folders of the box as they are into a self-describing snapshot.
   * @param folder where it goes; replaced if it exists
   * @param paths folders of the box, absolute; one that does not exist is noted as such
   * @param about what the snapshot says of itself: words without line ends
   */
  snapshot(folder: string, paths: readonly string[], about: Readonly<Record<string, string | number>>): Promise<void>;
  /** True when the folders are still what the snapshot holds. */
  snapshotHolds(folder: string): Promise<boolean>;
  /**
   * True when they differ from it only by what was written or added since then.
   * @param sinceMs when they began to be put back, Unix time in ms
   * @throws UpdateError SNAPSHOT_DAMAGED
   */
  onlyWrittenSince(folder: string, sinceMs: number): Promise<boolean>;
  /** True when every byte of a snapshot is as it was when it was made. */
  snapshotIntact(folder: string): Promise<boolean>;
  /**
   * Puts the folders of a snapshot back, byte for byte; may be called again at any point.
   * @throws UpdateError SNAPSHOT_DAMAGED (nothing was touched), RESTORE_FAILED
   */
  restore(folder: string): Promise<void>;
  /** Notes beside a snapshot what its folders are like now, which is as the update left them. */
  noteAfter(folder: string): Promise<void>;
  /**
   * What an undo by a snapshot would do, as the box is now: what the update changed goes back, the rest stays.
   * @throws UpdateError SNAPSHOT_DAMAGED
   */
  lookAtUndo(folder: string, kept: Kept): Promise<Undo>;
  /**
   * Makes the snapshot that such an undo puts back, and keeps aside what others changed and it takes away.
   * @throws UpdateError SNAPSHOT_DAMAGED, DISK_FULL, DISK_FAILED
   */
  prepareUndo(folder: string, how: PrepareUndo): Promise<void>;
  /** Everything written so far is on the disk when this returns. */
  sync(): Promise<void>;

  /**
   * Ends the daemon, the script and these services, from outside, until the next boot.
   * @throws UpdateError BUSY when the box has to be ended as a whole
   */
  endDaemon(services: readonly string[]): Promise<void>;
  /** Takes that back, as well as it can. */
  startDaemon(services: readonly string[]): Promise<void>;
  /**
   * Reboots; returns once that is under way, this process then has seconds to live.
   * @param way `forced`: no service is asked to end; for a box that does not go down in order
   * @throws UpdateError REBOOT_FAILED
   */
  reboot(way: 'orderly' | 'forced'): Promise<void>;
}

export interface Identity {
  readonly name: string;
  /** Such as `rpi/3`; null when it cannot be told. */
  readonly hardware: string | null;
  /** As its maker names it, such as `Raspberry Pi 3 Model B Plus Rev 1.3`; null when it cannot be told. */
  readonly model: string | null;
}

/** `none`: there is none, or it cannot be told. */
export type Gateway = 'answers' | 'silent' | 'none';

export interface Service {
  /** `inactive` = stopped in order, `absent` = no such unit. */
  readonly state: 'active' | 'starting' | 'failed' | 'inactive' | 'absent';
  /** How often it was restarted by itself in this boot. */
  readonly restarts: number;
  /** True: no boot starts it; whoever wants it has to. */
  readonly byHand: boolean;
}

export interface ScriptRun {
  /** The unpacked top folder: working directory of the script. */
  readonly folder: string;
  /** Folders of the box that it may write. */
  readonly writablePaths: readonly string[];
  readonly timeoutMs: number;
  /** Where it is written down how the script ended, whatever becomes of this process; see `readScriptEnd`. */
  readonly endFile: string;
  onOutput(text: string): void;
}

export interface ScriptEnd {
  readonly exitCode: number | null;
  readonly timedOut: boolean;
}
