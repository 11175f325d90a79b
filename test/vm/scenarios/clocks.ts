import type { Recipe } from '../release.ts';
import type { Context, Scenario } from '../scenario.ts';

/** Nothing of an update may hang on the time of day: a box has no battery, and a wrong server may set it. */
const clocks: Readonly<Record<string, { readonly chip: string | null; readonly order: string }>> = {
  // Linux takes no time that would have it switched on before 1970.
  1970: { chip: '1970-01-01T00:00:00', order: "date --set '1970-01-02'" },
  2038: { chip: '2038-01-19T03:14:00', order: 'date' },
};

export const clockScenarios: readonly Scenario[] = Object.entries(clocks).map(([year, { chip, order }]) => ({
  name: `clock-${year}`,
  about: `an update on a box whose clock says ${year}, with a jump of years while it is on trial`,
  quick: false,
  from: 'box',
  limitS: 2400,
  async run(context) {
    const { machine, box, publisher, whole, expect } = context;
    await machine.boot({ clock: chip });
    await box.atRest();
    await machine.ok(order);
    expect('year on the box', await yearOf(context), year);
    const release: Recipe = { version: 1_600_000_001 };
    await publisher.publish(release);
    await box.install();
    await box.reaches('confirm');
    // Sooner or later a time server answers.
    await machine.ok(`date --set '${year === '1970' ? '2031-05-05' : '2001-05-05'}'`);
    await box.expectEnd(release.version, 'confirmed');
    await box.expectWhole(whole(release));
    expect('state of systemd', await machine.settled(), 'running');
    const next: Recipe = { version: 1_600_000_002 };
    await publisher.publish(next);
    await box.install();
    await box.expectEnd(next.version, 'confirmed');
    await box.expectWhole(whole(next));
    return 'whole new, confirmed; the next update too, after the jump';
  },
}));

const yearOf = async ({ machine }: Context): Promise<string> => (await machine.ok('date --utc +%Y')).trim();
