import type { Status } from '../../protocol/views.ts';
import { useBox } from './box.ts';
import { useSeconds } from './times.tsx';

/** Steps that end in a reboot, or begin with one: what was heard last before it may be any of them. */
const around: readonly Status['state'][] = ['install', 'reboot', 'confirm', 'rollback', 'restored'];
/** No box takes longer to be back. */
const patienceS = 3 * 60;

/** Whether the box does not answer because it most likely reboots, as it is meant to. */
export function useReboot(): boolean {
  const { status, line, lostMs } = useBox();
  const expected = line !== 'open' && around.includes(status.state);
  const lostS = useSeconds(lostMs, expected);
  return expected && lostS < patienceS;
}
