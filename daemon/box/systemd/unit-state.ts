import type { Service } from '../box.ts';
import { systemctl } from './systemctl.ts';

const properties = ['LoadState', 'ActiveState', 'SubState', 'NRestarts', 'UnitFileState'] as const;

/** How a unit is, in the few words that an update needs. */
export async function unitState(name: string): Promise<Service> {
  const { stdout } = await systemctl(['show', '--property', properties.join(','), '--', name]);
  const value = Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2))) as Record<
    (typeof properties)[number],
    string
  >;
  const restarts = Number(value.NRestarts) || 0;
  if (value.LoadState !== 'loaded') return { state: 'absent', restarts };
  switch (value.ActiveState) {
    // A oneshot that has done its work and remains counts as up, as systemd itself counts it.
    case 'active':
    case 'reloading':
      return { state: 'active', restarts };
    // Between two tries of Restart= it is "activating (auto-restart)".
    case 'activating':
      return { state: 'starting', restarts };
    case 'failed':
      return { state: 'failed', restarts };
    default:
      return { state: 'inactive', restarts };
  }
}
