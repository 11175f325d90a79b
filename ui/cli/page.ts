import { randomBytes, randomInt, randomUUID, scryptSync } from 'node:crypto';
import { open, rename, rm, stat } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';
import { type PinFile, pinDigits, pinFileName, pinLifeS, scryptBytes, scryptCost } from '../../protocol/page.ts';
import type { Call } from './arguments.ts';
import { styled } from './screen.ts';

/**
 * Makes a PIN, shows it here and nowhere else, and leaves its hash where the page's server can read and not write it:
 * beside page.sock, in a folder that is root's own. A PIN before it counts no more.
 */
export async function pin({ screen, root }: Call): Promise<number> {
  const text = String(randomInt(10 ** pinDigits)).padStart(pinDigits, '0');
  await leavePin(join(root, 'run/opq-updater'), text);
  if (screen.json) screen.document({ pin: text, valid_s: pinLifeS });
  else {
    screen.line(styled('bold', `PIN: ${text}`));
    screen.line(`It counts for ${pinLifeS / 60} minutes, five tries and one password.`);
    screen.line(
      'Open the page of this box in a browser (port 8152 unless it was given another), and choose a password there.',
    );
  }
  return 0;
}

/** @throws UpdateError NOT_PERMITTED, DAEMON_UNREACHABLE */
async function leavePin(run: string, text: string): Promise<void> {
  const salt = randomBytes(16);
  const content: PinFile = {
    id: randomUUID(),
    salt: salt.toString('base64'),
    hash: scryptSync(text, salt, scryptBytes, scryptCost).toString('base64'),
    until_uptime_s: uptime() + pinLifeS,
  };
  const file = join(run, pinFileName);
  const temporary = `${file}.${randomUUID().slice(0, 8)}.new`;
  try {
    const { gid } = await stat(join(run, 'page.sock'));
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(JSON.stringify(content));
      // Who may use that socket may read this, and nobody else.
      await handle.chown((await handle.stat()).uid, gid);
      await handle.chmod(0o640);
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {}); // not made
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM')
      throw new UpdateError('NOT_PERMITTED', 'Only root makes a PIN.', { cause });
    throw new UpdateError('DAEMON_UNREACHABLE', `There is no page.sock in ${run}: ${code}.`, { cause });
  }
}
