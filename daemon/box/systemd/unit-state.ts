import type { Service } from '../box.ts';
import { systemctl } from './systemctl.ts';

/** What starts a unit beside a person or a program. */
const starters = ['WantedBy', 'RequiredBy', 'UpheldBy', 'TriggeredBy'] as const;
const properties = ['LoadState', 'ActiveState', 'NRestarts', 'UnitFileState', ...starters] as const;

/** How a unit is, in the few words that an update needs. */
export async function unitState(name: string): Promise<Service> {
  const { stdout } = await systemctl(['show', '--property', properties.join(','), '--', name]);
  const value = Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2))) as Record<
    (typeof properties)[number],
    string
  >;
  const rest = { restarts: Number(value.NRestarts) || 0, byHand: isByHand(value) };
  if (value.LoadState !== 'loaded') return { state: 'absent', ...rest };
  switch (value.ActiveState) {
    // A oneshot that has done its work and remains counts as up, as systemd itself counts it.
    case 'active':
    case 'reloading':
      return { state: 'active', ...rest };
    // Between two tries of Restart= it is "activating (auto-restart)".
    case 'activating':
      return { state: 'starting', ...rest };
    case 'failed':
      return { state: 'failed', ...rest };
    default:
      return { state: 'inactive', ...rest };
  }
}

/** What starts it until the next boot only (`enable --runtime`) does not count. */
const isByHand = (value: Partial<Record<(typeof properties)[number], string>>): boolean =>
  value.UnitFileState === 'enabled-runtime' ||
  (value.UnitFileState !== 'enabled' && starters.every((name) => !value[name]));
