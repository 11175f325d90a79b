import { appendFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { lastHeardOf, openBlackBox } from '../../daemon/black-box.ts';
import type { At } from '../../daemon/machine.ts';
import { anUpdate, type Scene, scene } from '../support/fake-box.ts';
import { until } from '../support/until.ts';

const at = (step: string): At => ({ step, update: anUpdate }) as unknown as At;
const file = ({ places }: Scene, name = 'black-box.jsonl') => join(places.state, name);
const blackBoxOf = ({ tools }: Scene) => openBlackBox({ ...tools, newWorker: () => tools.worker });

it('tells of a step how far in it was when it was last heard of', async () => {
  const box = await scene();
  const blackBox = blackBoxOf(box);
  expect(await lastHeardOf(box.places, 'u1', 'install')).toBe(null);
  blackBox.begins(at('stop'));
  blackBox.begins(at('install'));
  await until('the first word', async () => (await lastHeardOf(box.places, 'u1', 'install')) === 0);
  await until('a later word', async () => ((await lastHeardOf(box.places, 'u1', 'install')) ?? 0) >= 5);
  blackBox.rests();
  expect(await lastHeardOf(box.places, 'u1', 'stop')).toBe(0);
  expect(await lastHeardOf(box.places, 'another', 'install')).toBe(null);
});

it('is read past a line that a power cut tore', async () => {
  const box = await scene();
  blackBoxOf(box).begins(at('confirm'));
  await until('the first word', async () => (await lastHeardOf(box.places, 'u1', 'confirm')) !== null);
  await appendFile(file(box), '{"at":"2026');
  expect(await lastHeardOf(box.places, 'u1', 'confirm')).toBe(0);
});

it('does not grow for ever, and knows what came before it turned over', async () => {
  const box = await scene();
  const blackBox = blackBoxOf(box);
  blackBox.begins(at('install'));
  await until('the first word', async () => (await lastHeardOf(box.places, 'u1', 'install')) !== null);
  await appendFile(file(box), `${' '.repeat(33_000)}\n`);
  blackBox.begins(at('reboot'));
  await until(
    'the older file',
    async () => (await readFile(file(box, 'black-box.old.jsonl'), 'utf8').catch(() => '')) !== '',
  );
  blackBox.begins(at('confirm'));
  await until('the new file', async () => (await stat(file(box)).catch(() => undefined))?.size);
  blackBox.rests();
  expect(await lastHeardOf(box.places, 'u1', 'install')).toBe(0);
  expect((await stat(file(box))).size).toBeLessThan(1000);
});
