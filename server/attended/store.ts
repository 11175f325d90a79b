import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Component,
  componentsOf,
  indexName,
  indexSignatureName,
  releasesOf,
  type VerifiedIndex,
  verifyIndex,
} from '../../protocol/component-index.ts';
import { UpdateError } from '../../protocol/errors.ts';
import { type PublicKey, parsePublicKey } from '../../protocol/keys.ts';
import { type Profiles, parseProfiles } from './profiles.ts';

/** What the store offers at one moment. */
export interface Offer {
  readonly index: VerifiedIndex;
  readonly profiles: Profiles;
  /** Known releases of a hardware, oldest first. */
  releases(hardware: string): readonly number[];
  /** Name to component, as one release of a hardware has them. */
  components(hardware: string, release: number): ReadonlyMap<string, Component>;
}

export interface Store {
  readonly dir: string;
  /** @throws UpdateError when there never was a good index, or the one there is has expired */
  offer(): Promise<Offer>;
}

const fileNames = [indexName, indexSignatureName, 'profiles.json'] as const;

/**
 * The component store as the server reads it. A change shows with the next request; while a new index is being copied
 * in, or one came that is not signed as it should be, the last good one stays, and the log says why.
 * @param indexKeyPath public key of releases
 */
export async function openStore(
  dir: string,
  indexKeyPath: string,
  nowMs: () => number,
  log: (line: string) => void,
): Promise<Store> {
  const keys = [parsePublicKey(await readFile(indexKeyPath, 'utf8'), indexKeyPath)];
  let good: Offer | undefined;
  let seen = '';
  let trouble: unknown;
  return {
    dir,
    async offer() {
      const state = await stateOf(dir);
      if (state !== seen) {
        try {
          good = await read(dir, keys, nowMs());
          trouble = undefined;
        } catch (error) {
          trouble = error;
          // What is not the fault of the files may be over with the next request.
          if (!(error instanceof UpdateError)) throw error;
          log(`component store ${JSON.stringify(dir)}: ${(error as Error).message}`);
        }
        // Known only now: what came while it was read is read with the next request.
        seen = state;
      }
      if (good === undefined) throw trouble;
      const { expires } = good.index;
      if (expires * 1000 > nowMs()) return good;
      throw new UpdateError('INDEX_EXPIRED', `The component index held until ${expires}.`);
    },
  };
}

async function stateOf(dir: string): Promise<string> {
  const states = fileNames.map(async (name) => {
    const { ino, size, mtimeNs } = await stat(join(dir, name), { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  });
  return (await Promise.all(states)).join(' ');
}

async function read(dir: string, keys: readonly PublicKey[], nowMs: number): Promise<Offer> {
  const [index, signature, profiles] = await Promise.all(fileNames.map((name) => readFile(join(dir, name))));
  return offerOf(
    verifyIndex(index!, signature!.toString('latin1'), keys, nowMs / 1000),
    parseProfiles(profiles!.toString()),
  );
}

function offerOf(index: VerifiedIndex, profiles: Profiles): Offer {
  const sets = new Map<string, ReadonlyMap<string, Component>>();
  const releases = new Map(Object.keys(profiles.hardware).map((hardware) => [hardware, releasesOf(index, hardware)]));
  return {
    index,
    profiles,
    releases: (hardware) => releases.get(hardware) ?? [],
    components(hardware, release) {
      const key = `${hardware} ${release}`;
      const set = sets.get(key) ?? componentsOf(index, hardware, release);
      sets.set(key, set);
      return set;
    },
  };
}
