import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { scryptBytes, scryptCost } from '../../protocol/page.ts';
import * as s from '../../protocol/schema.ts';

/** A password or PIN as it is kept. */
export const hashedSchema = s.object({ salt: s.string(), hash: s.string() });
export type Hashed = Readonly<s.Output<typeof hashedSchema>>;

/** Makes and compares hashes, one at a time: each takes 16 MiB and half a second of a small processor. */
export function openHasher() {
  let before: Promise<unknown> = Promise.resolve();

  function hash(text: string, salt: Buffer): Promise<Buffer> {
    const now = before.then(() => derive(text, salt));
    before = now.catch(() => {});
    return now;
  }

  return {
    async make(text: string): Promise<Hashed> {
      const salt = randomBytes(16);
      return { salt: salt.toString('base64'), hash: (await hash(text, salt)).toString('base64') };
    },
    async holds(text: string, kept: Hashed): Promise<boolean> {
      const expected = Buffer.from(kept.hash, 'base64');
      const found = await hash(text, Buffer.from(kept.salt, 'base64'));
      return expected.length === found.length && timingSafeEqual(expected, found);
    },
  };
}
export type Hasher = ReturnType<typeof openHasher>;

const derive = (text: string, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(text.normalize('NFC'), salt, scryptBytes, scryptCost, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
