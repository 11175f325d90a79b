import { expect } from 'vitest';
import type { UpdateStep } from '../../../protocol/views.ts';
import { t } from '../../../ui/page/strings.ts';
import { button, current, it, signIn, unfold, verdict } from '../../support/page.ts';
import { entryWith, fault, updating } from '../../support/samples.ts';
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

it('an undo that a person asked for shows its own three steps, and is told of as no fault', async ({
  serveBox,
  openPage,
}) => {
  const because = fault('ROLLED_BACK', 'A person had it put back.');
  const names = ['undo', 'rollback', 'restored'] as const;
  const steps = names.map((name, n) => ({
    name,
    state: n === 0 ? ('now' as const) : ('to do' as const),
    seconds: null,
  }));
  const { update } = updating('confirm');
  const box = await toldBox({ state: 'undo', update: { ...update!, step: 'undo', because, steps, by: 'schedule' } });
  const last = entryWith({ outcome: 'undone', because, step: 'undo', by: 'schedule' });
  box.answer({ history: [last] });
  const page = await openPage(await serveBox(box));
  await signIn(page, box);
  await current(page, t.stepNames.undo).waitFor();
  expect(await page.locator('#steps .steps li .name').allTextContents()).toEqual(
    names.map((name) => t.stepNames[name]),
  );
  expect(await page.getByText('ROLLED_BACK').count()).toBe(0);

  box.say({ state: 'idle', update: null, last_update: last });
  await verdict(page).getByText(t.verdict.fine).waitFor();
  await unfold(page, 'history');
  await page.locator('#history').getByText(t.steps.by.schedule).click();
  await page.locator('#history').getByText(t.verdict.outage(14)).waitFor();
  expect(await page.getByText('ROLLED_BACK').count()).toBe(0);
});

it('does not claim that there is nothing newer when nobody could be asked, and says when nobody is', async ({
  serveBox,
  openPage,
}) => {
  const unreachable = { at: '2026-03-01T10:00:00.000Z', fault: fault('SERVER_UNREACHABLE') };
  const box = await toldBox({ last_check: unreachable, next_check_at: null });
  const page = await openPage(await serveBox(box), { device: 'phone' });
  await signIn(page, box);
  const card = page.locator('#update');
  await card.getByText(t.update.notKnown, { exact: true }).waitFor();
  await card.getByText(t.update.whyNotKnown).waitFor();
  await card.getByText(t.update.neverAsks).waitFor();
  box.say({ last_check: { ...unreachable, fault: null }, next_check_at: '2026-03-02T00:12:00.000Z' });
  await card.getByText(t.update.whyNoInstall).waitFor();
  await card.getByText(t.update.none, { exact: true }).waitFor();
  expect(await card.getByText(t.update.neverAsks).count()).toBe(0);
});

it('tells a failure once: on the card only when its verdict is no longer there', async ({ serveBox, openPage }) => {
  const box = await toldBox(updating('confirm'));
  const page = await openPage(await serveBox(box));
  await signIn(page, box);
  await current(page, t.stepNames.confirm).waitFor();
  const because = fault('HEALTH_FAILED', 'A service failed.');
  box.say({ state: 'idle', update: null, last_update: entryWith({ outcome: 'rolled back', because }) });
  await verdict(page).getByText(because.message).waitFor();
  await page.locator('#update').waitFor();
  expect(await page.getByText(because.message).count()).toBe(1);
  await button(page, t.verdict.dismiss).click();
  await page.locator('#update').getByText(because.message).waitFor();
});
