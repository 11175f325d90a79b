import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The part of a systemd service unit that a scratch box understands; the rest is ignored. */
export interface Unit {
  readonly name: string;
  /** Command line, split at white space; the first word is a path of the box. */
  readonly execStart: readonly string[];
  readonly restart: 'no' | 'on-failure' | 'always';
  readonly restartS: number;
  /** True: started at every boot (`systemctl enable`: a link in multi-user.target.wants). */
  readonly enabled: boolean;
}

const folder = (root: string) => join(root, 'etc/systemd/system');
export const wantsFolder = (root: string) => join(folder(root), 'multi-user.target.wants');
export const unitPath = (root: string, name: string) => join(folder(root), name);

/** The unit of that name, or undefined when there is none that can be read. */
export async function readUnit(root: string, name: string): Promise<Unit | undefined> {
  const text = await readFile(unitPath(root, name), 'utf8').catch(() => undefined); // a unit that is not there is not one
  if (text === undefined) return undefined;
  const values = new Map([...text.matchAll(/^\s*(\w+)\s*=\s*(.*?)\s*$/gm)].map(([, key, value]) => [key!, value!]));
  const execStart = values.get('ExecStart')?.split(/\s+/).filter(Boolean) ?? [];
  if (execStart.length === 0) return undefined;
  const restart = values.get('Restart');
  const wanted = await readdir(wantsFolder(root)).catch(() => [] as string[]); // no folder: nothing is enabled
  return {
    name,
    execStart,
    restart: restart === 'always' || restart === 'on-failure' ? restart : 'no',
    restartS: Number.parseFloat(values.get('RestartSec') ?? '') || 0.1,
    enabled: wanted.includes(name),
  };
}

export async function unitNames(root: string): Promise<string[]> {
  const names = await readdir(folder(root)).catch(() => [] as string[]); // a box without units boots all the same
  return names.filter((name) => name.endsWith('.service'));
}
