import { readFileSync } from 'node:fs';
import { packageName, signatureName } from '../../protocol/version.ts';
import { type Publisher, releaseFile } from '../support/publisher.ts';
import { release } from '../support/scratch-release.ts';
import { ok, type Replies } from './hostile-server.ts';

/** A package as it lies on a server, with a signature that holds for its publisher's key. */
export interface Made {
  readonly version: number;
  readonly bytes: Buffer;
  readonly signature: string;
  /** Where it lies on this machine, with its signature. */
  readonly path: string;
}

export type Goods = Awaited<ReturnType<typeof makeGoods>>;

/** What the publisher of the boxes has made, and a stranger: honest packages, for a hostile server to mix. */
export async function makeGoods(publisher: Publisher) {
  const strangersKey = await publisher.otherKey();
  const make = async (version: number, by = publisher.key, updateJson?: object): Promise<Made> => {
    const path = await publisher.stick(release(version, updateJson ? { updateJson } : {}), by);
    return { version, path, bytes: readFileSync(path), signature: readFileSync(`${path}.sig`, 'latin1') };
  };
  const nextWeek = Math.floor(Date.now() / 1000) + 7 * 86_400;
  return {
    good: await make(1_550_000_009),
    other: await make(1_550_000_008),
    older: await make(1_500_000_000),
    future: await make(nextWeek),
    strangers: await make(1_550_000_009, strangersKey),
    forOthers: await make(1_550_000_009, publisher.key, { hardware: ['rpi/99'] }),
    strangersKey: readFileSync(strangersKey.publicPath, 'latin1'),
  };
}

export const packagePath = ({ version }: Made): string => `/${packageName(version)}`;
export const signaturePath = ({ version }: Made): string => `/${signatureName(version)}`;

/** version.json for a package. */
export const fileOf = ({ version, bytes }: Made, more: object = {}): string => releaseFile(version, bytes, more);

/** All that a box needs for an update to it. */
export const offering = (made: Made): Replies => ({
  '/version.json': ok(fileOf(made)),
  [packagePath(made)]: ok(made.bytes),
  [signaturePath(made)]: ok(made.signature),
});
