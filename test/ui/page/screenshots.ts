import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { t } from '../../../ui/page/strings.ts';
import { button, current, it, signIn, verdict } from '../../support/page.ts';
import { held, noise, release } from '../../support/scratch-release.ts';

const images = fileURLToPath(new URL('../../../docs/images/', import.meta.url));
const limitBytes = 100_000;

/** The page as it is, without what happens to be under the pointer. */
async function shoot(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await page.evaluate('scrollTo(0, 0)');
  const { length } = await page.screenshot({ path: `${images}page-${name}.png`, animations: 'disabled' });
  expect(length, name).toBeLessThan(limitBytes);
}

it('takes the pictures of the documentation', async ({ publisher, serve, newBox, serveBox, openPage }) => {
  mkdirSync(images, { recursive: true });
  const first = release(1_790_000_000);
  const notes = 'Better calibration of the voltage channel.\nNo event is lost at midnight.';
  const bad = release(1_790_600_000, {
    script: { begin: 'echo "PROGRESS 40 Copying files"; echo "box-config-daemon: 214 files"', middle: held },
    program: '#!/bin/sh\nexit 1\n',
    data: { noise: noise(2_000_000) },
    updateJson: { notes },
  });
  const server = await serve();
  await server.publish(bad, { notes });
  const box = await newBox({ config: { server_url: server.url } });
  // Once before, so that the box knows how long an update takes.
  await box.ended(await box.install(await publisher.stick(first)));
  const site = await serveBox(box);

  const desktop = await openPage(site);
  await signIn(desktop, box);
  await button(desktop, t.update.check).click();
  await desktop.locator('#update .news').waitFor();
  await desktop.locator('#facts dl').waitFor();
  await shoot(desktop, 'available');

  const phone = await openPage(site, { device: 'phone' });
  await signIn(phone, box);
  await button(desktop, t.update.install).click();
  await button(desktop, t.update.go).click();
  await current(phone, t.stepNames.install).getByText('40 %').waitFor();
  await shoot(phone, 'installing');

  const dark = await openPage(site, { device: 'phone', dark: true });
  await signIn(dark, box);
  await current(dark, t.stepNames.install).waitFor();
  box.touch('var/go');
  await verdict(dark).getByText('HEALTH_FAILED').waitFor();
  await shoot(dark, 'put-back');
});
