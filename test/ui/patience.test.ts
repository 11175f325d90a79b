import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { daemonAt } from '../../ui/cli/client.ts';

let answerNow = () => {};
const due = new Promise<void>((resolve) => {
  answerNow = resolve;
});
const slow = createServer((_, response) => void due.then(() => response.end('{}')));
let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'opq-slow-'));
  mkdirSync(join(root, 'run/opq-updater'), { recursive: true });
  await new Promise<void>((listening) => slow.listen(join(root, 'run/opq-updater/control.sock'), listening));
});
afterAll(() => {
  slow.closeAllConnections();
  slow.close();
  rmSync(root, { recursive: true, force: true });
});

it('waits longer for what asks the update server first than for what the box knows by itself', async () => {
  const daemon = daemonAt(root, { answerMs: 500, patientMs: 50_000 });
  const slowOnes = [
    daemon.ask('check', {}),
    daemon.ask('install', {}),
    daemon.ask('components', {}),
    daemon.ask('upgrade', {}),
    daemon.ask('key_fetch', { url: 'http://updates.example/key.pem' }),
    daemon.ask('doctor', {}),
  ];
  await expect(daemon.ask('status', {})).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' });
  answerNow();
  expect(await Promise.all(slowOnes)).toEqual(slowOnes.map(() => ({})));
});
