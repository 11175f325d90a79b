import { readFile } from 'node:fs/promises';

/** `rpi/3` and the like from the device tree; null on other machines. */
export async function hardware(): Promise<string | null> {
  // A PC has no device tree.
  const model = await readFile('/proc/device-tree/model', 'latin1').catch(() => '');
  return hardwareOf(model);
}

/** @param model such as `Raspberry Pi 3 Model B Plus Rev 1.3` */
export function hardwareOf(model: string): string | null {
  const [, kind] = /^Raspberry Pi (?:(\d+|Zero(?: 2)?|Compute Module \d+))?/.exec(model) ?? [];
  if (!model.startsWith('Raspberry Pi')) return null;
  return `rpi/${(kind ?? '1').toLowerCase().replace('compute module ', 'cm').replace(' ', '')}`;
}
