import { readFile } from 'node:fs/promises';
import * as s from '../../protocol/schema.ts';
import { putText } from '../release/put-file.ts';

const count = s.int(s.minValue(0));
const schema = s.object({
  /** Images ever built; requests ever taken. */
  built: count,
  requested: count,
  components: s.record(s.string(), count),
  targets: s.record(s.string(), s.object({ count, seconds: s.number(s.minValue(0)) })),
});

/** Numbers for the curious. They are saved now and then: the last minutes may be lost with the power. */
export async function openStatistics(path: string) {
  const numbers = await load(path);
  let saved = JSON.stringify(numbers);
  return {
    numbers,
    /** One request was taken. Its names are known components: the tables stay as small as the store. */
    requested(components: readonly string[]): void {
      numbers.requested++;
      for (const name of components) numbers.components[name] = (numbers.components[name] ?? 0) + 1;
    },
    built(target: string, buildMs: number): void {
      const { count, seconds } = numbers.targets[target] ?? { count: 0, seconds: 0 };
      numbers.targets[target] = { count: count + 1, seconds: seconds + buildMs / 1000 };
      numbers.built++;
    },
    async save(): Promise<void> {
      const text = JSON.stringify(numbers);
      if (text === saved) return;
      await putText(path, text);
      saved = text;
    },
  };
}

export type Statistics = Awaited<ReturnType<typeof openStatistics>>;

async function load(path: string): Promise<s.Output<typeof schema>> {
  try {
    return s.parse(schema, JSON.parse(await readFile(path, 'utf8')));
  } catch {
    // None yet, or unreadable: numbers for the curious start again at nothing.
    return { built: 0, requested: 0, components: {}, targets: {} };
  }
}
