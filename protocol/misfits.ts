interface Chosen {
  readonly name: string;
  readonly requires: readonly string[];
  readonly conflicts: readonly string[];
}

/** Why these components do not go together, a sentence each; none when they do. */
export function misfits(chosen: readonly Chosen[]): string[] {
  const names = new Set(chosen.map(({ name }) => name));
  return chosen.flatMap(({ name, requires, conflicts }) => [
    ...requires.filter((other) => !names.has(other)).map((other) => `${name} needs ${other}, which was not chosen`),
    ...conflicts.filter((other) => names.has(other)).map((other) => `${name} does not go together with ${other}`),
  ]);
}
