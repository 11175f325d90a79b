import { UpdateError } from '../../../protocol/errors.ts';
import { contentOf } from '../../fingerprints.ts';
import { overridesIn } from '../overrides.ts';
import { systemctl } from './systemctl.ts';

const names = [
  'opq-updater.service',
  'opq-updater-control.socket',
  'opq-updater-page.socket',
  'opq-updater-ui.service',
  'opq-updater-ui.socket',
  'opq-updater-guard.service',
  'opq-updater-watch.service',
  'opq-updater-watch.timer',
];
const properties = ['Id', 'LoadState', 'UnitFileState', 'FragmentPath', 'DropInPaths'] as const;

/**
 * A fingerprint of each of our units as systemd sees it: loaded or masked, enabled or not, its file and everything
 * that lies over it. Of the script's unit, which is there only while it runs, what lies in its way.
 * @param overrides where a release could put something in front of our units
 * @throws UpdateError INTERNAL when systemd does not say
 */
export async function ownUnits(overrides = '/etc/systemd/system'): Promise<Record<string, string>> {
  // What was written without it counts from the next boot on.
  await systemctl(['daemon-reload']);
  const { stdout } = await systemctl(['show', '--property', properties.join(','), '--', ...names]);
  const found = await overridesIn(overrides);
  for (const block of stdout.split('\n\n')) {
    const unit = Object.fromEntries(block.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
    const paths = [unit.FragmentPath, ...(unit.DropInPaths ?? '').split(' ')].filter(Boolean);
    const files = await Promise.all(paths.map(async (path) => `${path} ${await contentOf(path)}`));
    if (unit.Id) found[unit.Id] = [unit.LoadState, unit.UnitFileState, ...files].join(' ');
  }
  const silent = names.filter((name) => found[name] === undefined);
  if (silent.length === 0) return found;
  throw new UpdateError('INTERNAL', `systemctl show should tell of ${silent.join(', ')}, found nothing.`);
}
