import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Benchmark } from './bench.ts';
import { startBox } from './box.ts';
import { openCage } from './cage.ts';
import { fixedLimit } from './finding.ts';

/** Of one processor: slow enough that decoding the package takes some 20 s. */
const share = 0.125;
const memoryBytes = 512 * 2 ** 20;

/** A whole update on a slow processor with half of the memory of a Raspberry Pi 3: that it works at all is the point. */
export const throttled: Benchmark = {
  name: 'throttled',
  quick: false,
  async run(setting) {
    const payload = await setting.payload(85);
    const url = await setting.serve(payload.folder);
    const cage = openCage(share, memoryBytes);
    try {
      const began = performance.now();
      const [program, args] = cage.inside('sh', '-c', `bzip2 -dc "${payload.file}" >/dev/null`);
      await promisify(execFile)(program, args);
      const alone = (performance.now() - began) / 1000;
      const box = await startBox(setting, payload, url, {}, cage.inside);
      try {
        await box.updater('check', '--install', '--wait');
        const [last] = JSON.parse(await box.updater('history', '-n', '1', '--json'));
        const seconds: Record<string, number> = last.seconds;
        const all = Object.values(seconds).reduce((sum, s) => sum + s, 0);
        const steps = Object.entries(seconds).map(([step, s]) => `${step} ${Math.round(s)}`);
        const against = `an eighth of one processor, 512 MiB; bzip2 -d of the package alone takes ${alone.toFixed(0)} s there`;
        const told = { target: null, unit: '', theirs: '' };
        return [
          { what: 'an update of 85 MB on a throttled box', against, ours: `${last.outcome}, ${all.toFixed(0)} s: ${steps.join(', ')}`, figure: null, ...told }, // biome-ignore format: one line
          { what: 'processes killed for want of memory in it', ...fixedLimit, ours: `${cage.kills()}`, figure: cage.kills(), target: 0, unit: '' }, // biome-ignore format: one line
          { what: 'its memory, page cache included', against: '512 MiB', ours: `${(cage.peakBytes() / 1e6).toFixed(0)} MB`, figure: null, ...told }, // biome-ignore format: one line
        ];
      } finally {
        await box.stop();
      }
    } finally {
      await cage.close();
    }
  },
};
