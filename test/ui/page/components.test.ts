import { afterAll, beforeAll, expect } from 'vitest';
import { t } from '../../../ui/page/strings.ts';
import { stuckWorker } from '../../server/attended/shop.ts';
import {
  buildRequest,
  type ComponentShop,
  openComponentShop,
  parts,
  shopRelease,
} from '../../support/component-shop.ts';
import { button, current, it, signIn, verdict } from '../../support/page.ts';

let shop: ComponentShop;
beforeAll(async () => {
  shop = await openComponentShop();
});
afterAll(() => shop.close());

const three = ['box-config-daemon', 'plugin-thd', 'triggering'];

/** What a box of three components has beside VERSION; one of them is older than what the server has. */
const record = JSON.stringify({
  version: shopRelease,
  sha256: 'ab'.repeat(32),
  components: { 'box-config-daemon': '2.0', 'plugin-thd': '0.1', triggering: '1.8' },
});

const attended = (at: ComponentShop) => ({
  keys: [at.keys.release.publicPath],
  builderKeys: [at.keys.builder.publicPath],
  config: { channel: 'attended', server_url: at.url, hardware: 'rpi/3' },
});

it('a technician sees what runs, is told what does not go together, and has a component more built', async ({
  newBox,
  serveBox,
  openPage,
}) => {
  const box = await newBox(attended(shop));
  box.write('usr/local/box-config-daemon/components.json', record);
  box.write('usr/local/box-config-daemon/VERSION', `${shopRelease}\n`);
  const page = await openPage(await serveBox(box), { device: 'phone' });
  await signIn(page, box);
  const card = page.locator('#components');
  await card.getByText('1.8 → 1.9').waitFor();
  await card.getByText(t.components.sum(3)).waitFor();
  const choose = (name: string) => card.getByRole('checkbox', { name });

  await choose('plugin-vrms').check();
  await card.getByText('plugin-thd does not go together with plugin-vrms').waitFor();
  await card.getByText(t.components.whyMisfits).waitFor();
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  await choose('plugin-vrms').uncheck();

  await choose('display').check();
  await button(page, t.components.build).click();
  await page.getByText(t.components.more(['display'])).waitFor();
  await button(page, t.components.go).click();
  await verdict(page).getByText(t.verdict.fine).waitFor();
  await card.getByText(t.components.sum(4)).waitFor();
  expect((await box.daemon.ask('components', {})).components.filter(({ running }) => running !== null)).toHaveLength(4);
});

it('shows the place in the queue of builds', async ({ newBox, serveBox, openPage }) => {
  const stuck = await openComponentShop(parts, { hold_ms: 0 }, { program: stuckWorker });
  try {
    for (const packages of [['plugin-vrms'], ['triggering']])
      await stuck.post('/api/build-request', buildRequest(packages));
    const box = await newBox(attended(stuck));
    const page = await openPage(await serveBox(box));
    await signIn(page, box);
    for (const name of three) await page.locator('#components').getByRole('checkbox', { name }).check();
    await button(page, t.components.build).click();
    await button(page, t.components.go).click();
    await current(page, t.stepNames.download).getByText('waiting for its build, 1 come first').waitFor();
    await button(page, t.update.cancel).click();
    await page.locator('#update').waitFor();
  } finally {
    await stuck.close();
  }
});

it('a box that takes whole releases has no such card', async ({ newBox, serveBox, openPage }) => {
  const box = await newBox();
  const page = await openPage(await serveBox(box));
  await signIn(page, box);
  await page.locator('#update').waitFor();
  expect(await page.locator('#components').count()).toBe(0);
});
