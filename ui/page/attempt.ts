import { useState } from 'preact/hooks';
import type { Fault } from '../../protocol/views.ts';
import { faultFrom } from './api.ts';

/** Something that the box is asked to do: one try at a time, and why the last one failed. */
export function useAttempt(run: () => unknown) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const attempt = async () => {
    if (busy) return;
    setBusy(true);
    setFault(null);
    try {
      await run();
    } catch (thrown) {
      setFault(faultFrom(thrown));
    } finally {
      setBusy(false);
    }
  };
  return { busy, fault, attempt };
}
