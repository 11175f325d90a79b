import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { t } from '../../../ui/page/strings.ts';
import { button, it, password, signIn, unfold } from '../../support/page.ts';
import { release } from '../../support/scratch-release.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const parts = ['why', 'upload', 'facts', 'history', 'settings', 'log'];

it('signs a technician out when another one changes the password, and lets him in again where he was', async ({
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
  await unfold(other, 'settings');
  await other.getByLabel(t.settings.old).fill('not the password');
  await other.getByLabel(t.login.newPassword(8)).fill('a new password');
  await button(other, t.settings.change).click();
  await other.getByText('WRONG_PASSWORD').waitFor();
  await other.getByLabel(t.settings.old).fill(password);
  await button(other, t.settings.change).click();
  await other.getByText(t.settings.changed).waitFor();

  await one.getByLabel(t.login.password, { exact: true }).waitFor();
  await signIn(one, box, 'a new password');
  await one.locator('#update').waitFor();
  // The cookie is gone, as after half a day: the next thing that is asked for shows it.
  await one.context().clearCookies();
  await button(one, t.update.check).click();
  await one.getByLabel(t.login.password, { exact: true }).waitFor();
});

it('sets when the box updates by itself, and puts that back to what the configuration says', async ({
  newBox,
  serveBox,
  openPage,
}) => {
  const box = await newBox({ config: { schedule: '05 03 * * *' } });
  const page = await openPage(await serveBox(box));
  await signIn(page, box);
  await unfold(page, 'settings');
  await page.getByLabel(t.settings.asks).check();
  await button(page, t.settings.save).click();
  await page.getByText(t.settings.reset).waitFor();
  // The others follow the configuration file as before.
  expect((await box.daemon.ask('settings', {})).settings).toMatchObject({
    auto_install: { value: false, source: 'settings' },
    schedule: { value: '05 03 * * *', source: 'file' },
    window: { value: null, source: 'default' },
  });
  await page.getByLabel(t.settings.schedule).selectOption('daily');
  await page.getByLabel(t.settings.at, { exact: true }).fill('03:30');
  await page.getByLabel(t.settings.window).check();
  await button(page, t.settings.save).click();
  await page.getByText(t.settings.reset).waitFor();
  await page.getByText(t.settings.saved, { exact: true }).waitFor();
  const { settings } = await box.daemon.ask('settings', {});
  expect(settings).toMatchObject({
    auto_install: { value: false, source: 'settings' },
    schedule: { value: '30 3 * * *', source: 'settings' },
    window: { value: '01:00-05:00', source: 'settings' },
  });
  // What the last try came to stands alone there.
  await page.getByLabel(t.settings.to, { exact: true }).fill('01:00');
  await page.getByText(t.settings.wholeDay).waitFor();
  await page.getByLabel(t.settings.schedule).selectOption('own');
  await page.getByLabel(t.settings.cron).fill('every day');
  await button(page, t.settings.save).click();
  await page.locator('#settings').getByText('CONFIG_INVALID').waitFor();
  expect(await page.getByText(t.settings.saved, { exact: true }).count()).toBe(0);
  await page.getByLabel(t.settings.schedule).selectOption('never');
  await button(page, t.settings.save).click();
  await page.locator('#settings .sum').getByText(t.update.neverAsks).waitFor();
  await page.locator('#update').getByText(t.update.neverAsks).waitFor();
  await page.getByText(t.settings.reset).click();
  await page.getByText(t.settings.reset).waitFor({ state: 'detached' });
  expect((await box.daemon.ask('settings', {})).settings.auto_install.source).not.toBe('settings');
});

it.for([
  { device: 'phone', dark: false },
  { device: 'desktop', dark: true },
] as const)(
  'is fit for keyboard and screen reader on a $device, dark $dark',
  async ({ device, dark }, { serve, newBox, serveBox, openPage }) => {
    const { url } = await serve(release(1_550_100_000, { updateJson: { notes: 'Better.' } }));
    const box = await newBox({ config: { server_url: url, window: '03:00-03:01' } });
    const page = await openPage(await serveBox(box), { device, dark, bypassCSP: true });
    await page.getByLabel(t.login.pin, { exact: true }).waitFor();
    expect(await seriousIn(page)).toEqual([]);
    const card = (await page.locator('.login .card').boundingBox())!;
    const middle = card.x + card.width / 2;
    const width = Number(await page.evaluate('innerWidth'));
    expect([card.width > 300, Math.abs(middle - width / 2) < 10]).toEqual([true, true]);
    await signIn(page, box);
    await button(page, t.update.check).click();
    await page.locator('#update .news').waitFor();
    for (const part of parts) await unfold(page, part);
    await page.locator('#log .log li').first().waitFor();
    await page.locator('#facts dl').waitFor();
    expect(await seriousIn(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);

    // By keyboard alone: to a button, into its question, and out again to where one was.
    await button(page, t.update.later).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    expect(await seriousIn(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await page.evaluate('document.activeElement.textContent')).toContain(t.update.later);
  },
);

/** What axe finds that would keep somebody from using the page. */
async function seriousIn(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return serious.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target}`));
}
