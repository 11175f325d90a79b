import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { type PinFile, passwordLength, pinFileName } from '../../protocol/page.ts';
import * as s from '../../protocol/schema.ts';
import { type Hashed, type Hasher, hashedSchema } from './hash.ts';
import { Refusal } from './refuse.ts';
import { readState, writeState } from './state-file.ts';

/** The page password, and the PIN that root makes on the box to set it. */
export interface Secrets {
  isSet(): Promise<boolean>;
  /** @throws Refusal BAD_PASSWORD */
  set(password: string): Promise<void>;
  /** @throws Refusal WRONG_PASSWORD */
  needPassword(password: string): Promise<void>;
  /** Counts the try before it looks, and burns a PIN that was right. @throws Refusal WRONG_PIN */
  needPin(pin: string): Promise<void>;
}

const mostTries = 5;
const triesSchema = s.object({ id: s.string(), tries: s.int() });
const pinSchema: s.Schema<unknown, PinFile> = s.object({
  ...hashedSchema.entries,
  id: s.string(),
  until_uptime_s: s.number(),
});

/**
 * @param state folder that is this process's own
 * @param run folder of page.sock, where root leaves a PIN: this process can read it there and not change it
 */
export function openSecrets(state: string, run: string, hasher: Hasher): Secrets {
  const passwordFile = join(state, 'password.json');
  const triesFile = join(state, 'pin-tries.json');
  const password = () => readState(passwordFile, hashedSchema);

  return {
    isSet: async () => (await password()) !== undefined,
    async set(text) {
      if (text.length < passwordLength.min || text.length > passwordLength.max) throw new Refusal('BAD_PASSWORD');
      await writeState(passwordFile, await hasher.make(text));
    },
    async needPassword(text) {
      // Without a password as much work as with one, so that time tells nothing.
      const kept: Hashed = (await password()) ?? { salt: '', hash: '' };
      if (!(await hasher.holds(text, kept))) throw new Refusal('WRONG_PASSWORD');
    },
    async needPin(text) {
      const pin = await readPin(join(run, pinFileName));
      if (!pin || uptime() > pin.until_uptime_s) throw new Refusal('WRONG_PIN');
      const known = await readState(triesFile, triesSchema);
      const tries = known?.id === pin.id ? known.tries : 0;
      if (tries >= mostTries) throw new Refusal('WRONG_PIN');
      await writeState(triesFile, { id: pin.id, tries: tries + 1 });
      if (!(await hasher.holds(text, pin))) throw new Refusal('WRONG_PIN');
      await writeState(triesFile, { id: pin.id, tries: mostTries });
    },
  };
}

async function readPin(path: string): Promise<PinFile | undefined> {
  try {
    return s.parse(pinSchema, JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined; // nobody has asked for one in this boot
  }
}
