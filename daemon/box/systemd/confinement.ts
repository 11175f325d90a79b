/** What install_update.sh runs in. It guards against mistakes: root that wants out gets out, by way of PID 1. */
export const confinement = (run: {
  readonly writablePaths: readonly string[];
  readonly timeoutMs: number;
  /** Program that writes down how it ended, and where to. */
  readonly recorder: string;
  readonly endFile: string;
}): Readonly<Record<string, string>> => ({
  ProtectSystem: 'strict',
  // Exactly what the snapshot holds: what the script can change on disk is what can be put back.
  ReadWritePaths: run.writablePaths.map((path) => `"${path}"`).join(' '),
  // Ours: a release that changed it could end all updates. As a mount of its own it can neither be replaced nor
  // removed, and as the folder above is one too, not moved away with it.
  ReadOnlyPaths: '-/etc/opq/updater_config.json',
  PrivateTmp: 'yes',
  ProtectKernelModules: 'yes',
  ProtectKernelTunables: 'yes',
  ProtectControlGroups: 'yes',
  // A script that asks for the reboot as the last thing it does is still there when the box goes down: it hears
  // nothing of that (SIGCONT does nothing) and comes to its end; whatever is left after that, or after half a
  // minute, is killed.
  KillMode: 'mixed',
  KillSignal: 'SIGCONT',
  TimeoutStopSec: '30',
  // On the way down it is stopped before the updater, which reads what it prints: without a reader `echo` fails.
  After: 'opq-updater.service',
  // As root outside of all this, when the script is over, whatever became of the updater.
  ExecStopPost: `+/bin/sh ${run.recorder} ${run.endFile}`,
  RuntimeMaxSec: `${Math.ceil(run.timeoutMs / 1000)}`,
  MemoryMax: '75%',
  TasksMax: '512',
  // What programs say of a failed write is looked for in these words.
  Environment: 'LC_MESSAGES=C',
  // Old scripts call sudo.
  NoNewPrivileges: 'no',
});
