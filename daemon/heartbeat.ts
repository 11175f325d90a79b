import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { exists, remove, writeFileSafely, writeNow } from './files.ts';
import type { Resident } from './tools.ts';

/** Well within what the guard and systemd bear: 180 s at least, and 600 s. */
const beatMs = { onTrial: 30_000, atRest: 120_000 };

/**
 * Lets others know that this process lives: systemd, which restarts it when it hangs, and the guard, which puts the
 * earlier release back when one on trial took the updater with it. Never stops: a process that ends is silent.
 */
export async function keepBeating({ box, places, clock, log, updater }: Resident): Promise<void> {
  await box.ready();
  // The guard counts boots on trial in which nobody says this.
  const report = async () => (await exists(places.trial)) && writeFileSafely(join(places.trial, 'boots'), '0\n');
  // On a full or failing disk it is still alive, and that it can say in memory.
  await report().catch((error) => log.error('the boot could not be reported', error));
  // start.sh counts how often this version was started in this boot and never got here.
  await remove(join(places.run, `starts-${updater.version}`)).catch((error) =>
    log.error('the start could not be reported', error),
  );
  const beat = async () => {
    writeNow(join(places.run, 'heartbeat'), `${clock.uptimeS()}\n`);
    await box.alive();
  };
  const again = () => {
    const inMs = existsSync(places.trial) ? beatMs.onTrial : beatMs.atRest;
    setTimeout(() => {
      beat().catch((error) => log.error('no sign of life could be given', error));
      again();
    }, inMs).unref();
  };
  await beat();
  again();
}
