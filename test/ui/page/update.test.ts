import { expect } from 'vitest';
import { headlineOf } from '../../../protocol/words.ts';
import { t } from '../../../ui/page/strings.ts';
import { button, current, it, signIn, unfold, verdict } from '../../support/page.ts';
import { oldRelease } from '../../support/scratch-box.ts';
import { held, noise, release } from '../../support/scratch-release.ts';

const next = 1_550_100_000;

it('watches a whole update on a phone to its verdict, with another technician who came in the middle; then undoes it', async ({
  serve,
  newBox,
  serveBox,
  openPage,
}) => {
  const news = release(next, {
    script: { begin: 'echo "PROGRESS 40 Copying files"; echo "<b>before</b> the files"', middle: held },
  });
  const { url } = await serve(news);
  const box = await newBox({ config: { server_url: url } });
  const server = await serveBox(box);
  const phone = await openPage(server, { device: 'phone' });
  await signIn(phone, box);

  await phone.locator('#update').getByText(String(oldRelease.version)).waitFor();
  expect(await button(phone, t.update.install).getAttribute('aria-disabled')).toBe('true');
  await phone.getByText(t.update.whyNotAsked).waitFor();
  await button(phone, t.update.check).click();
  await phone.locator('#update .news').getByText(String(next)).waitFor();
  // In the zone of the browser, Hawaii; UTC for who points at it.
  const made = phone.locator('#update .news time');
  expect([await made.textContent(), await made.getAttribute('title')]).toEqual([
    '13 Feb 2019, 13:20',
    '2019-02-13 23:20:00 UTC',
  ]);
  await button(phone, t.update.install).click();
  await button(phone, t.update.go).click();

  await current(phone, t.stepNames.install).waitFor();
  const desktop = await openPage(server);
  await signIn(desktop, box);
  for (const page of [phone, desktop]) {
    await current(page, t.stepNames.install).waitFor();
    await page.getByText(t.powerCut.install).waitFor();
    await page.getByText('40 % · Copying files').waitFor();
    await page.locator('#steps pre', { hasText: '<b>before</b> the files' }).waitFor();
    expect(await button(page, t.update.cancel).getAttribute('aria-disabled')).toBe('true');
    await page.getByText(t.update.whyNoCancel).waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
  }
  box.touch('var/go');

  for (const page of [phone, desktop]) {
    await verdict(page).getByText(t.verdict.fine).waitFor();
    await page.locator('.head').getByText(String(next)).waitFor();
  }
  expect(await verdict(phone).locator('.big').textContent()).toContain(String(next));

  await button(phone, t.verdict.dismiss).click();
  await verdict(phone).waitFor({ state: 'detached' });
  await button(phone, t.undo.button).click();
  await phone.getByText('/usr/local/box-config-daemon/VERSION').waitFor();
  await button(phone, t.undo.go).click();
  await verdict(phone).getByText(t.verdict.fine).waitFor();
  await phone.locator('.head').getByText(String(oldRelease.version)).waitFor();
  await unfold(phone, 'history');
  await phone.locator('#history .list > li').nth(1).waitFor();
});

it('keeps what it knew when the line breaks, says so, and shows the truth when it is back; the update is cancelled', async ({
  serve,
  newBox,
  serveBox,
  openPage,
  slowLine,
}) => {
  const large = release(next, { data: { noise: noise(3_000_000) } });
  const line = await slowLine((await serve(large)).url);
  const box = await newBox({ config: { server_url: line.url } });
  const server = await serveBox(box);
  const page = await openPage(server);
  await signIn(page, box);
  await button(page, t.update.check).click();
  await button(page, t.update.install).click();
  await button(page, t.update.go).click();
  await current(page, t.stepNames.download)
    .getByText(/MB.*kB\/s/)
    .waitFor();

  await server.kill();
  await page.locator('.head').getByText(t.line.again).waitFor();
  // All that is said then has its room, and the steps stay in sight.
  expect((await page.locator('.head').boundingBox())!.height).toBeLessThan(150);
  await page.getByText(t.update.whyLost).first().waitFor();
  await current(page, t.stepNames.download).waitFor();
  await server.comeBack();
  await page.locator('.head').getByText(t.line.open, { exact: true }).waitFor();
  box.killDaemon();
  await page.getByText(t.line.away).first().waitFor();
  await current(page, t.stepNames.download).waitFor();
  await page.locator('.head').getByText(t.line.open, { exact: true }).waitFor();

  await button(page, t.update.cancel).click();
  await verdict(page).getByText(t.verdict.title).waitFor();
  expect((await box.status()).installed).toBe(oldRelease.version);
});

it('postpones automatic updates with a reason, says so to everybody, and ends that', async ({
  newBox,
  serveBox,
  openPage,
}) => {
  const box = await newBox();
  const server = await serveBox(box);
  const one = await openPage(server);
  await signIn(one, box);
  const other = await openPage(server, { device: 'phone' });
  await signIn(other, box);
  await button(one, t.update.later).click();
  await one.getByLabel(t.update.laterReason).fill('measurement <i>running</i>');
  await one.keyboard.press('Enter');
  for (const page of [one, other]) await page.getByText('measurement <i>running</i>').first().waitFor();
  await unfold(other, 'why');
  await other.locator('#why').getByText(t.why.words.held, { exact: true }).waitFor();
  await button(other, t.update.endPostponement).click();
  await button(one, t.update.endPostponement).waitFor({ state: 'detached' });
  expect((await box.status()).postponed).toBeNull();
});

it('shows what a release says of itself as text, whatever is in it', async ({ serve, newBox, serveBox, openPage }) => {
  const notes = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
  const server = await serve();
  await server.publish(release(next), { notes });
  const box = await newBox({ config: { server_url: server.url } });
  const page = await openPage(await serveBox(box));
  await signIn(page, box);
  await button(page, t.update.check).click();
  await page.locator('#update .notes').waitFor();
  expect(await page.locator('#update .notes').textContent()).toBe(notes);
  expect(await page.locator('img, script:not([src])').count()).toBe(0);
  expect(await page.title()).not.toBe('owned');
});

it('tells that a bad release was put back, and why', async ({ publisher, newBox, serveBox, openPage }) => {
  const failing = release(next, { program: '#!/bin/sh\nexit 1\n' });
  // Its service would be seen alive between two of its ends.
  const box = await newBox({ config: { health_stable_s: 3 } });
  const page = await openPage(await serveBox(box), { device: 'phone' });
  await signIn(page, box);
  await box.install(await publisher.stick(failing));
  await page.locator('#steps').waitFor();
  await verdict(page).getByText(t.verdict.bad, { exact: true }).waitFor();
  await verdict(page).getByText('HEALTH_FAILED').waitFor();
  await page
    .locator('.head')
    .getByText(headlineOf(await box.status()))
    .waitFor();
  await page.reload();
  await verdict(page).getByText('HEALTH_FAILED').waitFor();
});
