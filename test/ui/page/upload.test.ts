import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { packageName, signatureName } from '../../../protocol/version.ts';
import { t } from '../../../ui/page/strings.ts';
import { button, it, signIn, unfold, verdict } from '../../support/page.ts';
import { oldRelease } from '../../support/scratch-box.ts';
import { noise, release } from '../../support/scratch-release.ts';
import { until } from '../../support/until.ts';

const next = 1_550_200_000;
const files = 'input[type=file]';

it('brings a package to a box that reaches no server, over a line that breaks, and installs it only when told to', async ({
  publisher,
  newBox,
  serveBox,
  openPage,
}) => {
  const path = await publisher.stick(release(next, { data: { noise: noise(5_000_000) } }));
  const { length } = await readFile(path);
  expect(length).toBeGreaterThan(2_000_000); // more than goes in one request
  const box = await newBox(); // its server is at an address where nobody answers
  const page = await openPage(await serveBox(box), { device: 'phone' });
  await signIn(page, box);
  await button(page, t.update.check).click();
  await page.locator('#update').getByText('SERVER_UNREACHABLE').waitFor();
  await unfold(page, 'upload');

  const offsets: number[] = [];
  let cuts = 0;
  await page.route(/\/api\/upload\?offset=/, (route) => {
    const offset = Number(new URL(route.request().url()).searchParams.get('offset'));
    offsets.push(offset);
    return offset > 0 && cuts++ === 0 ? route.abort() : route.continue();
  });
  // One after the other, as some phones have it.
  await page.locator(files).setInputFiles(path);
  await page.getByText(t.upload.needSignature).waitFor();
  await page.locator(files).setInputFiles(path.replace(packageName(next), signatureName(next)));
  await button(page, t.upload.send).click();
  await page.locator('.brought').getByText(t.upload.states.ready).waitFor();
  expect(offsets.length).toBeGreaterThan(3);
  expect(offsets[1]).toBe(offsets[2]);
  expect(offsets.filter((offset) => offset === 0)).toEqual([0]);

  expect(await box.status()).toMatchObject({ state: 'idle', installed: oldRelease.version, update: null });
  await page.locator('.brought').getByText('ECDSA').waitFor();
  await page.locator('.brought').getByRole('button', { name: t.update.install }).click();
  await button(page, t.update.go).click();
  await verdict(page).getByText(t.verdict.fine).waitFor();
  expect((await box.status()).installed).toBe(next);
});

it('goes on where the box is when an earlier piece was still on its way there', async ({
  publisher,
  newBox,
  serveBox,
  openPage,
}) => {
  const path = await publisher.stick(release(next, { data: { noise: noise(5_000_000) } }));
  const box = await newBox({ config: { server_url: null } });
  const page = await openPage(await serveBox(box));
  await signIn(page, box);
  let pieces = 0;
  const answers: string[] = [];
  await page.route(/\/api\/upload\?offset=/, async (route) => {
    pieces++;
    // Of what the box has already, which it says; and what it says while it is busy.
    if (pieces === 2)
      return route.continue({
        url: route
          .request()
          .url()
          .replace(/offset=\d+/, 'offset=0'),
      });
    if (pieces === 3) return route.fulfill({ status: 409, json: { code: 'BUSY', message: 'm', todo: null } });
    return route.continue();
  });
  page.on('response', async (response) => {
    if (response.request().method() === 'PUT' && response.status() !== 200) answers.push((await response.json()).code);
  });
  await page.locator(files).setInputFiles([path, path.replace(packageName(next), signatureName(next))]);
  await button(page, t.upload.send).click();
  await page.locator('.brought').getByText(t.upload.states.ready).waitFor();
  expect(answers).toEqual(['SIZE_MISMATCH', 'BUSY']);
});

it('goes on with the chosen files after a pause, from what has arrived', async ({
  publisher,
  newBox,
  serveBox,
  openPage,
}) => {
  const path = await publisher.stick(release(next, { data: { noise: noise(5_000_000) } }));
  const box = await newBox({ config: { server_url: null } });
  const page = await openPage(await serveBox(box), { device: 'phone' });
  await signIn(page, box);
  const offsets: number[] = [];
  await page.route(/\/api\/upload\?offset=/, (route) => {
    const offset = Number(new URL(route.request().url()).searchParams.get('offset'));
    offsets.push(offset);
    // The second piece hangs until the pause.
    return offsets.length === 2 ? undefined : route.continue();
  });
  await page.locator(files).setInputFiles([path, path.replace(packageName(next), signatureName(next))]);
  await button(page, t.upload.send).click();
  await until('the second piece is on its way', () => offsets.length === 2);
  await button(page, t.upload.pause).click();
  await button(page, t.upload.goOn).click();
  await page.locator('.brought').getByText(t.upload.states.ready).waitFor();
  expect(offsets[2]).toBe(offsets[1]);
});

it('asks for a package by itself on a box without a server; refuses one that no pinned key has signed, and says why', async ({
  publisher,
  newBox,
  serveBox,
  openPage,
}) => {
  const path = await publisher.stick(release(next), await publisher.otherKey());
  const box = await newBox({ config: { server_url: null } });
  const page = await openPage(await serveBox(box));
  await signIn(page, box);
  await page.locator('#update').getByText(t.update.noServer).waitFor();
  expect(await button(page, t.update.check).getAttribute('aria-disabled')).toBe('true');
  await page.locator(files).setInputFiles([path, path.replace(packageName(next), signatureName(next))]);
  await button(page, t.upload.send).click();
  await page.locator('.brought').getByText(t.upload.states.refused).waitFor();
  await page.locator('.brought').getByText('SIGNATURE_INVALID').waitFor();
  expect(await page.locator('.brought').getByRole('button', { name: t.update.install }).count()).toBe(0);
  await page.locator('.brought').getByRole('button', { name: t.upload.discard }).click();
  await page.locator('.brought').waitFor({ state: 'detached' });
  expect((await box.status()).installed).toBe(oldRelease.version);
});

it('says of an uploaded package that it failed here before, and not what is wrong with the one that the server offers', async ({
  publisher,
  serve,
  newBox,
  serveBox,
  openPage,
}) => {
  const paths = { good: await publisher.stick(release(next)), failed: await publisher.stick(release(next + 2)) };
  const server = await serve();
  const offered = await server.publish(release(next + 1));
  const box = await newBox({ config: { server_url: server.url } });
  const bad = (version: number, bytes: Uint8Array) => ({
    ...{ version, code: 'HEALTH_FAILED', at: '2026-03-01T10:00:00.000Z' },
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  const list = [bad(next + 1, await readFile(offered.path)), bad(next + 2, await readFile(paths.failed))];
  box.write('var/lib/opq-updater/quarantine.json', JSON.stringify(list));
  const page = await openPage(await serveBox(box));
  await signIn(page, box);
  await button(page, t.update.check).click();
  await page.locator('.head').getByText('failed or was undone here').waitFor();
  await unfold(page, 'upload');
  const brought = page.locator('.brought');
  const bring = async (path: string) => {
    await page.locator(files).setInputFiles([path, `${path}.sig`]);
    await button(page, t.upload.send).click();
  };

  await bring(paths.good);
  await brought.getByText(t.upload.states.ready).waitFor();
  await brought.getByRole('button', { name: t.update.install }).click();
  await page.getByRole('dialog').waitFor();
  expect(await page.getByText(t.update.failedBefore).count()).toBe(0);
  await button(page, t.never).click();
  await brought.getByRole('button', { name: t.upload.discard }).click();

  await bring(paths.failed);
  // In the zone of the browser, Hawaii.
  await brought.getByText(t.upload.failedBefore('1 Mar 2026, 00:00')).waitFor();
  await button(page, t.upload.again).click();
  await page.getByText(t.update.failedBefore).waitFor();
  await button(page, t.update.go).click();
  await verdict(page).getByText(t.verdict.fine).waitFor();
  expect((await box.status()).installed).toBe(next + 2);
});

it('says of files that are none of a release, or of two, what is wrong with them before anything is sent', async ({
  newBox,
  serveBox,
  openPage,
}) => {
  const box = await newBox();
  const page = await openPage(await serveBox(box), { device: 'phone' });
  await signIn(page, box);
  await unfold(page, 'upload');
  const choose = (...names: string[]) =>
    page
      .locator(files)
      .setInputFiles(
        names.map((name) => ({ name, mimeType: 'text/plain', buffer: Buffer.from('garbage, no base64') })),
      );
  await choose('notes.txt');
  await page.getByText(t.upload.noPackage('notes.txt')).waitFor();
  expect(await button(page, t.upload.send).getAttribute('aria-disabled')).toBe('true');
  await choose(packageName(next), signatureName(next + 1));
  await page.getByText(t.upload.otherSignature).waitFor();

  // A browser may have named it anew: the box tells.
  await choose('opq-box-update (1).sig');
  await button(page, t.upload.send).click();
  await page.locator('#upload').getByText('SIGNATURE_INVALID').waitFor();
  await choose(signatureName(next));
  await page.locator('#upload').getByText('SIGNATURE_INVALID').waitFor({ state: 'detached' });
  expect((await box.status()).upload).toBeNull();
});
