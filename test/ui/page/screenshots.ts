import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import type { BoxFacts } from '../../../protocol/box-views.ts';
import { t } from '../../../ui/page/strings.ts';
import { button, current, it, signIn, verdict } from '../../support/page.ts';
import { held, noise, release } from '../../support/scratch-release.ts';
import { smallPng } from '../../support/small-png.ts';

const images = fileURLToPath(new URL('../../../docs/images/', import.meta.url));
const limitBytes = 100_000;

/** The machine that takes the pictures is no Raspberry Pi: what it would tell of itself is told of one instead. */
function factsOfAPi(): BoxFacts {
  const now = Date.now();
  const day = Array.from({ length: 288 }, (_, n) => ({
    at: new Date(now - (287 - n) * 300_000).toISOString(),
    temperature_c: 46 + 5 * Math.sin(n / 45) + 0.6 * Math.sin(n * 7),
    free_bytes: 9_530_000_000 - n * 400_000 - (n > 150 ? 210_000_000 : 0),
  }));
  return {
    at: new Date(now).toISOString(),
    model: 'Raspberry Pi 3 Model B Plus Rev 1.3',
    system: 'Debian GNU/Linux 13, Linux 6.12',
    uptime_s: 273_000,
    processors: 4,
    load: 0.21,
    temperature_c: day.at(-1)!.temperature_c,
    throttled: false,
    under_voltage: false,
    memory: { total_bytes: 968_000_000, available_bytes: 612_000_000 },
    disks: [{ mount: '/', total_bytes: 15_300_000_000, free_bytes: day.at(-1)!.free_bytes }],
    network: [{ name: 'wlan0', up: true, wireless: true, addresses: ['192.168.4.17'] }],
    services: [{ name: 'box-config-daemon.service', state: 'active', restarts: 0 }],
    day,
  };
}

/** The page as it is, without what happens to be under the pointer. */
async function shoot(page: Page, name: string): Promise<void> {
  await page.mouse.move(0, 0);
  await page.evaluate("scrollTo(0, 0); document.querySelector('h1').textContent = 'opq-box-7'");
  const png = smallPng(await page.screenshot({ animations: 'disabled' }));
  expect(png.length, name).toBeLessThan(limitBytes);
  writeFileSync(`${images}page-${name}.png`, png);
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
  const box = await newBox({ config: { server_url: server.url, health_stable_s: 3 } });
  // Once before, so that the box knows how long an update takes.
  await box.ended(await box.install(await publisher.stick(first)));
  const site = await serveBox(box);

  const desktop = await openPage(site);
  await desktop.route('**/api/facts?', (route) => route.fulfill({ json: factsOfAPi() }));
  await signIn(desktop, box);
  await button(desktop, t.update.check).click();
  await desktop.locator('#update .news').waitFor();
  await desktop.locator('#facts svg').first().waitFor();
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
