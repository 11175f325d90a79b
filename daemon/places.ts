import { join } from 'node:path';

/** Where things lie. `root` is `/` on a box; a scratch box lives below a folder. */
export interface Places {
  readonly root: string;
  /** Where a path of the box lies, such as `/etc/opq`. */
  at(path: string): string;
  readonly config: string;
  /** On disk, survives a reboot, 0700. */
  readonly state: string;
  /** In memory on a box, empty after a reboot. */
  readonly run: string;
  readonly logFile: string;
  readonly controlSocket: string;
  readonly pageSocket: string;
  readonly journal: string;
  readonly history: string;
  /** A snapshot while it is being made. */
  readonly newSnapshot: string;
  /** The snapshot of the release that an update on trial replaced. Its being there is what "on trial" means. */
  readonly trial: string;
  /** That of an update that ended stuck, while another one is on trial. */
  readonly stuckTrial: string;
  /** The snapshot of the release before the confirmed one. */
  readonly previous: string;
  /** What undos kept aside, a folder each. */
  readonly aside: string;
}

export function placesUnder(root: string): Places {
  const at = (path: string) => join(root, path);
  const state = at('/var/lib/opq-updater');
  const run = at('/run/opq-updater');
  return {
    root,
    at,
    config: at('/etc/opq/updater_config.json'),
    state,
    run,
    logFile: at('/var/log/opq/box_updater.log'),
    controlSocket: join(run, 'control.sock'),
    pageSocket: join(run, 'page.sock'),
    journal: join(state, 'journal.json'),
    history: join(state, 'history.jsonl'),
    newSnapshot: join(state, 'snapshot-new'),
    trial: join(state, 'trial'),
    stuckTrial: join(state, 'trial.stuck'),
    previous: join(state, 'previous'),
    aside: join(state, 'aside'),
  };
}
