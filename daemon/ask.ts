import { createInterface } from 'node:readline/promises';
import { UpdateError } from '../protocol/errors.ts';

/** True when the person at the terminal types "yes". @throws UpdateError USAGE when there is nobody to ask */
export async function askYes(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UpdateError('USAGE', 'Nobody can be asked here: give --yes.');
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    return (await Promise.race([lines.question(question), closed])).trim().toLowerCase() === 'yes';
  } finally {
    lines.close();
  }
}
