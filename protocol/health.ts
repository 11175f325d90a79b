/** What OPQ Health reads from each service of the network: the update server answers with it, a box prints it. */
export interface Health {
  readonly name: string;
  readonly ok: boolean;
  /** Whole seconds since the epoch. */
  readonly timestamp: number;
  /** In words, without paths: everyone may read it. */
  readonly info: string;
  readonly subcomponents: readonly Health[];
}

export interface Look {
  readonly ok: boolean;
  readonly info: string;
}

/** One service of many parts: it is well when all of them are. */
export function healthOf(name: string, timestamp: number, looks: Readonly<Record<string, Look>>): Health {
  const subcomponents = Object.entries(looks).map(([part, look]) => ({
    name: part,
    timestamp,
    ...look,
    subcomponents: [],
  }));
  const failed = subcomponents.filter(({ ok }) => !ok);
  const info = failed.map(({ name, info }) => `${name}: ${info}`).join('; ') || 'well';
  return { name, ok: failed.length === 0, timestamp, info, subcomponents };
}
