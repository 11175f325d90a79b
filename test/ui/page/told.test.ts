import { expect } from 'vitest';
import type { UpdateStep } from '../../../protocol/views.ts';
import { t } from '../../../ui/page/strings.ts';
import { it, signIn } from '../../support/page.ts';
import { updating } from '../../support/samples.ts';
import { toldBox } from '../../support/told-box.ts';

const around: UpdateStep[] = ['install', 'confirm'];
it.for(around)(
  'a box that is silent after "%s" is taken to reboot; after three minutes the page asks for its network',
  async (step, { serveBox, openPage }) => {
    const box = await toldBox(updating(step));
    const server = await serveBox(box);
    const page = await openPage(server, { device: 'phone' });
    await page.clock.install();
    await page.reload();
    await signIn(page, box);
    const head = page.locator('.head');
    await page.locator('#steps').waitFor();
    await server.kill();
    await page.getByText(t.line.rebootsMore).waitFor();
    await head.getByText(t.line.reboots).waitFor();
    expect(await page.getByText(t.line.again).or(page.getByText(t.line.awayMore)).count()).toBe(0);
    // The name keeps its room beside what is said then.
    expect((await page.locator('h1').boundingBox())!.height).toBeLessThan(40);

    await page.clock.fastForward('03:05');
    await page.getByText(t.line.awayMore).waitFor();
    await head.getByText(t.line.again).waitFor();
    await server.comeBack();
    await page.clock.fastForward('00:10');
    await head.getByText(t.line.open, { exact: true }).waitFor();
  },
);
