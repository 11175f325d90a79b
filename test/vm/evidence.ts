import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { copyOut } from './disk.ts';
import type { Machine } from './machine.ts';

const journalctl = 'journalctl --no-pager --no-hostname --output=short-precise';

/** Saves the journal of all boots beside a failed scenario's disk and consoles, so that it can be understood later. */
export async function keepEvidence(machine: Machine, disk: string, folder: string): Promise<void> {
  const journal = await fromGuest(machine)
    .catch(() => fromDisk(machine, disk, folder))
    .catch((error: Error) => `Neither the guest nor its disk could be read: ${error.message}\n`);
  await writeFile(join(folder, 'journal.txt'), journal);
}

async function fromGuest(machine: Machine): Promise<string> {
  return machine.ok(`opq-updater status --json || true; ${journalctl}`, { timeoutMs: 300_000 });
}

/** The guest does not answer: what had reached its disk. */
async function fromDisk(machine: Machine, disk: string, folder: string): Promise<string> {
  await machine.off();
  const copy = join(folder, 'from-disk');
  await mkdir(copy, { recursive: true });
  for (const path of ['/var/log/journal', '/var/lib/opq-updater']) await copyOut(disk, path, copy).catch(() => {}); // it may not be there
  const command = `${journalctl} --directory='${join(copy, 'journal')}'`;
  // This machine may have no journalctl; the files are there for one that has.
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { maxBuffer: 256 * 1024 * 1024 }).catch(
    (error: Error) => ({ stdout: `The journal is in from-disk/; reading it: ${error.message}\n` }),
  );
  return stdout;
}
