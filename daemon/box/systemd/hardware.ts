import { readFile } from 'node:fs/promises';

/** From the device tree: the model, and `rpi/3` and the like; null on other machines. */
export async function hardware(): Promise<{ hardware: string | null; model: string | null }> {
  // A PC has no device tree.
  const text = await readFile('/proc/device-tree/model', 'latin1').catch(() => '');
  const model = text.replace(/\0.*$/s, '').trim();
  return { hardware: hardwareOf(model), model: model || null };
}

/** @param model such as `Raspberry Pi 3 Model B Plus Rev 1.3` */
export function hardwareOf(model: string): string | null {
  const [, kind] = /^Raspberry Pi (?:(\d+|Zero(?: 2)?|Compute Module \d+))?/.exec(model) ?? [];
  if (!model.startsWith('Raspberry Pi')) return null;
  return `rpi/${(kind ?? '1').toLowerCase().replace('compute module ', 'cm').replace(' ', '')}`;
}
