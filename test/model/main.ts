/** Stories of random events, each lived by a whole updater: none may end in a box that is broken or stuck for good. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { anEvent } from './events.ts';
import { removeTree } from './machine.ts';
import { live } from './story.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    stories: { type: 'string', default: '10000' },
    /** Folder of guard.sh and restore-played.sh. */
    guard: { type: 'string', default: '' },
    part: { type: 'boolean', default: false },
  },
});

// A daemon that was cut off in the middle of its start may have left a timer.
process.exit(values.part ? await part() : await all());

/** One process a processor, each with stories of its own. */
async function all(): Promise<number> {
  const began = performance.now();
  const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
  const stories = Number(values.stories);
  const count = Math.min(availableParallelism(), stories);
  console.log(`Seed ${seed}: the same stories again with --seed ${seed}`);
  const parts = Array.from({ length: count }, (_, n) => {
    const share = Math.floor(stories / count) + (n < stories % count ? 1 : 0);
    const args = ['--part', '--seed', String(seed + n), '--stories', String(share), '--guard', values.guard];
    return fork(process.argv[1]!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  });
  let boots = 0;
  for (const child of parts) {
    child.on('message', (n) => {
      boots += Number(n);
    });
  }
  const codes = await Promise.all(parts.map(async (child) => (await once(child, 'exit'))[0] as number | null));
  const failed = codes.filter((code) => code !== 0).length;
  console.log(`${Math.round((performance.now() - began) / 1000)} s, ${boots} boots`);
  console.log(`${stories} stories, ${failed} dead ends`);
  return failed === 0 ? 0 : 1;
}

async function part(): Promise<number> {
  const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  let boots = 0;
  const story = fc.asyncProperty(fc.array(anEvent, { minLength: 3, maxLength: 14, size: 'max' }), async (events) => {
    const root = mkdtempSync(join(memory, 'opq-model-'));
    try {
      boots += await live(root, values.guard, events);
    } finally {
      removeTree(root);
    }
  });
  const outcome = await fc.check(story, { seed: Number(values.seed), numRuns: Number(values.stories) });
  await new Promise((sent) => process.send?.(boots, sent));
  if (!outcome.failed) return 0;
  console.log(`After ${outcome.numRuns} stories of seed ${values.seed}: ${outcome.errorInstance}`);
  console.log(`The shortest that shows it:\n${JSON.stringify(outcome.counterexample?.[0], null, 1)}`);
  return 1;
}
