import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openPatience } from '../../../ui/web/patience.ts';
import { openSessions } from '../../../ui/web/sessions.ts';
import { fakeDaemon } from '../../support/fake-daemon.ts';
import { cookieOf, type PageServer, startPage } from '../../support/page-server.ts';
import { runCli } from '../../support/run-cli.ts';

async function newPage(): Promise<PageServer> {
  const daemon = await fakeDaemon({}, { control: 0o600, page: 0o660 });
  const page = await startPage(daemon.root);
  onTestFinished(() => page.stop());
  return page;
}
const session = async (page: PageServer, cookie?: string) => (await page.says({ path: '/api/session', cookie })).body;
const password = 'correct horse';
const wrong = { password: 'battery staple' };

describe('The first start', () => {
  it('takes the PIN that root sees on the box, and a password; then the password alone', async () => {
    const page = await newPage();
    expect(await session(page)).toMatchObject({ signed_in: false, password_set: false, https: false });
    expect((await page.post('/api/login', { password })).body.code).toBe('WRONG_PASSWORD');
    const pin = await page.pin();
    expect(pin).toMatch(/^\d{8}$/);
    const answer = await page.post('/api/login', { pin, new_password: password });
    expect(answer.body).toMatchObject({ signed_in: true, password_set: true });
    expect(answer.headers['set-cookie']?.[0]).toMatch(
      /^opq-session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/,
    );
    expect(await session(page, cookieOf(answer))).toMatchObject({ signed_in: true });
    expect((await page.post('/api/login', { password })).body).toMatchObject({ signed_in: true });
    // Each PIN is for one password.
    const again = await page.post('/api/login', { pin, new_password: 'another one' });
    expect(again.body.code).toBe('WRONG_PIN');
  });

  it('burns a PIN after five tries, also when the server was started again in between', async () => {
    const page = await newPage();
    const pin = await page.pin();
    const other = pin === '00000000' ? '00000001' : '00000000';
    for (let n = 0; n < 5; n++) {
      if (n === 3) await page.restart();
      expect((await page.post('/api/login', { pin: other, new_password: password })).body.code).toBe('WRONG_PIN');
    }
    await page.restart();
    expect((await page.post('/api/login', { pin, new_password: password })).body.code).toBe('WRONG_PIN');
    // A new one works, also where the password was forgotten.
    expect(await page.signIn()).toContain('opq-session=');
    expect(await page.signIn('a new password')).toContain('opq-session=');
  });

  it('refuses a password that is too short', async () => {
    const page = await newPage();
    const answer = await page.post('/api/login', { pin: await page.pin(), new_password: 'short' });
    expect([answer.status, answer.body.code]).toEqual([400, 'BAD_PASSWORD']);
  });

  it('leaves the PIN as a hash, for the group of page.sock to read and root alone to write', async () => {
    const page = await newPage();
    const pin = await page.pin();
    const file = join(page.root, 'run/opq-updater/page-pin.json');
    const { mode, uid, gid } = statSync(file);
    const socket = statSync(join(page.root, 'run/opq-updater/page.sock'));
    expect([mode & 0o777, uid, gid]).toEqual([0o640, process.geteuid?.(), socket.gid]);
    expect(readFileSync(file, 'utf8')).not.toContain(pin);
    const { exitCode } = await runCli(['page', 'pin', '--root', join(page.root, 'nowhere')]);
    expect(exitCode).toBe(7);
  });
});

describe('A session', () => {
  it('ends with the password and with the logout, and no secret is in what the server keeps', async () => {
    const page = await newPage();
    const first = await page.signIn(password);
    const second = cookieOf(await page.post('/api/login', { password }));
    expect((await page.post('/api/password', { old_password: 'no', new_password: 'x'.repeat(9) }, first)).status).toBe(
      403,
    );
    const changed = await page.post('/api/password', { old_password: password, new_password: 'new horse' }, first);
    const third = cookieOf(changed);
    expect(changed.status).toBe(200);
    for (const cookie of [first, second]) expect(await session(page, cookie)).toMatchObject({ signed_in: false });
    expect(await session(page, third)).toMatchObject({ signed_in: true });

    const state = join(page.root, 'var/lib/opq-updater-ui');
    expect(statSync(state).mode & 0o077).toBe(0);
    for (const name of ['sessions.json', 'password.json']) {
      const text = readFileSync(join(state, name), 'utf8');
      for (const secret of ['new horse', third.slice('opq-session='.length)]) expect(text).not.toContain(secret);
    }
    await page.post('/api/logout', {}, third);
    expect(await session(page, third)).toMatchObject({ signed_in: false });
  });

  it('lives on when the server is started again, as after the reboot of an update', async () => {
    const page = await newPage();
    const cookie = await page.signIn();
    await page.restart();
    expect(await session(page, cookie)).toMatchObject({ signed_in: true });
  });

  it.each([
    ['after half an hour without use', 31 * 60, 31 * 60],
    ['after twelve hours of use', 12 * 3600 + 60, 20 * 60],
    ['when the clock turns out to be wrong by far', -86_400, -86_400],
  ])('is over %s', async (_, totalS, stepS) => {
    const folder = await mkdtemp(join(tmpdir(), 'opq-'));
    onTestFinished(() => rm(folder, { recursive: true, maxRetries: 20 }));
    let now = 1_700_000_000_000;
    const sessions = await openSessions(folder, () => now);
    const token = await sessions.open();
    expect(sessions.find(token, true)).toMatch(/^[0-9a-f]{64}$/);
    for (let goneS = 0; Math.abs(goneS) < Math.abs(totalS); goneS += stepS) {
      expect(sessions.find(token, true)).toBeDefined();
      now += stepS * 1000;
    }
    expect(sessions.find(token, true)).toBeUndefined();
    expect(sessions.count).toBe(0);
  });
});

describe('Guessing', () => {
  it('is slow, and nobody else is slowed down by it', async () => {
    const patience = openPatience(() => 0);
    for (let n = 0; n < 5; n++) await patience.turn('192.0.2.7');
    let came = 0;
    const waiting = [1, 2, 3].map(() => patience.turn('::ffff:192.0.2.7').then(() => came++));
    await expect(patience.turn('192.0.2.7')).rejects.toMatchObject({ code: 'TOO_MANY' });
    await patience.turn('192.0.2.8');
    expect(came).toBe(0);
    expect(waiting.length).toBe(3);
    // Who was right after all begins anew.
    patience.forgive('192.0.2.7');
    await patience.turn('192.0.2.7');
  });

  it('counts all addresses of a network as one, and forgets those that were quiet for longest', async () => {
    const patience = openPatience(() => 0);
    for (let n = 0; n < 5; n++) await patience.turn(`2001:db8:1:2::${n}`);
    void patience.turn('2001:db8:1:2::aaaa').catch(() => {});
    for (let n = 0; n < 2000; n++) await patience.turn(`192.0.${n >> 8}.${n & 255}`);
    await patience.turn('2001:db8:1:2::1');
  });

  it('of a password says the same whatever is wrong', async () => {
    const page = await newPage();
    const before = await page.post('/api/login', wrong);
    await page.signIn();
    const after = await page.post('/api/login', wrong);
    expect([before.status, before.text]).toEqual([after.status, after.text]);
    expect(after.headers['set-cookie']).toBeUndefined();
  });
});
