import { expect, it } from 'vitest';
import type { At } from '../../daemon/machine.ts';
import { viewOf } from '../../daemon/update-view.ts';
import { anUpdate } from '../support/fake-box.ts';

/** A place on the way back, with what alone is looked at here. */
const back = (at: object): At => ({ step: 'rollback', update: anUpdate, ...at }) as At;
const steps = (at: At) => viewOf(at, null, 0)?.steps.map(({ name, state }) => `${name}: ${state}`);
const asked = { code: 'ROLLED_BACK', message: 'A person had it put back.', step: 'undo' };

it('shows of the undo of a confirmed release only its own steps', () => {
  expect(steps(back({ step: 'undo', because: asked }))).toEqual(['undo: now', 'rollback: to do', 'restored: to do']);
  const later = back({ because: asked, update: { ...anUpdate, seconds: { undo: 2 } } });
  expect(steps(later)).toEqual(['undo: done', 'rollback: now', 'restored: to do']);
});

it('shows on the way back what was done, what failed and what is left of it, and nothing that comes no more', () => {
  const update = { ...anUpdate, seconds: { download: 3, install: 4 } };
  const because = { code: 'INSTALL_SCRIPT_FAILED', message: 'It ended with 3.', step: 'install' };
  const expected = ['download: done', 'install: failed', 'rollback: now', 'restored: to do'];
  expect(steps(back({ update, because }))).toEqual(expected);
});

it('shows all that is ahead of an update that goes forward, and no way back', () => {
  const forward = { step: 'verify', update: { ...anUpdate, seconds: { download: 3 } } } as At;
  expect(steps(forward)?.slice(0, 3)).toEqual(['download: done', 'verify: now', 'unpack: to do']);
  expect(steps(forward)?.at(-1)).toBe('confirm: to do');
});
