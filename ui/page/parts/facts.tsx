import { useEffect, useState } from 'preact/hooks';
import type { BoxFacts } from '../../../protocol/box-views.ts';
import { bytesText, durationText } from '../../../protocol/words.ts';
import { read } from '../api.ts';
import { useAnswer, useBox } from '../box.ts';
import { t } from '../strings.ts';
import { FaultNote } from './action.tsx';
import { Plot } from './plot.tsx';
import { Section } from './section.tsx';

const everyMs = 30_000;
/** Nobody looks at a page that was not touched for so long: asking on would keep its session alive for ever. */
const untouchedMs = 10 * 60_000;

/** The box itself: what it is, how it feels, and how it felt over the last day. */
export function Facts() {
  const { status, line } = useBox();
  const tick = useTick();
  const { answer: facts, fault } = useAnswer(() => read('facts'), `${tick} ${line} ${status.state}`);
  return (
    <Section
      name="facts"
      title={t.facts.title}
      sum={facts && sumOf(facts)}
      open={matchMedia('(min-width: 60rem)').matches}
    >
      {!facts && (fault ? <FaultNote fault={fault} /> : <p>{t.loading}</p>)}
      {facts && <Table facts={facts} />}
    </Section>
  );
}

/** Grows every half minute, as long as somebody is there. */
function useTick(): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    let touchedMs = performance.now();
    const touch = () => {
      touchedMs = performance.now();
    };
    const events = ['pointerdown', 'keydown', 'scroll'] as const;
    for (const name of events) addEventListener(name, touch, { passive: true });
    const timer = setInterval(() => {
      const there = document.visibilityState === 'visible' && performance.now() - touchedMs < untouchedMs;
      if (there) setTick((n) => n + 1);
    }, everyMs);
    return () => {
      clearInterval(timer);
      for (const name of events) removeEventListener(name, touch);
    };
  }, []);
  return tick;
}

function sumOf({ temperature_c, services, disks }: BoxFacts): string {
  const failed = services.filter(({ state }) => state !== 'active').length;
  return [
    temperature_c === null ? '' : degrees(temperature_c),
    disks[0] ? t.facts.free(bytesText(disks[0].free_bytes)) : '',
    failed === 0 ? t.facts.allRun : t.facts.notAllRun(failed),
  ]
    .filter(Boolean)
    .join(' · ');
}

const degrees = (c: number): string => `${c.toFixed(1)} °C`;
const tones = { active: 'good', starting: 'warn', failed: 'bad', inactive: 'warn', absent: 'warn' } as const;

function Table({ facts }: { facts: BoxFacts }) {
  const { model, system, uptime_s, load, processors, temperature_c, throttled, under_voltage } = facts;
  const { memory, disks, network, services, day } = facts;
  const heat = temperature_c === null ? t.facts.unmeasured : degrees(temperature_c);
  return (
    <>
      <dl class="rows">
        <dt>{t.facts.model}</dt>
        <dd>{model ?? t.unknown}</dd>
        <dt>{t.facts.system}</dt>
        <dd>{system}</dd>
        <dt>{t.facts.temperature}</dt>
        <dd>
          {heat}
          {throttled && <span class="tag warn">{t.facts.throttled}</span>}
        </dd>
        <dt>{t.facts.power}</dt>
        <dd>
          {under_voltage === null ? (
            t.facts.unmeasured
          ) : (
            <span class={`tag ${under_voltage ? 'bad' : 'good'}`}>{under_voltage ? t.facts.low : t.facts.good}</span>
          )}
        </dd>
        <dt>{t.facts.memory}</dt>
        <dd>{t.facts.freeOf(bytesText(memory.available_bytes), bytesText(memory.total_bytes))}</dd>
        {disks.map(({ mount, free_bytes, total_bytes }) => [
          <dt key={`${mount} name`}>{t.facts.disk(mount)}</dt>,
          <dd key={mount}>{t.facts.freeOf(bytesText(free_bytes), bytesText(total_bytes))}</dd>,
        ])}
        <dt>{t.facts.uptime}</dt>
        <dd>{durationText(uptime_s)}</dd>
        <dt>{t.facts.load}</dt>
        <dd>{t.facts.loadOf(load.toFixed(2), processors)}</dd>
        <dt>{t.facts.network}</dt>
        <dd>
          {network.length === 0 && t.unknown}
          {network.map(({ name, up, wireless, addresses }) => (
            <div key={name}>
              <b>{name}</b> {wireless && t.facts.wireless}{' '}
              {up ? addresses.join(', ') || t.facts.noAddress : t.facts.down}
            </div>
          ))}
        </dd>
        <dt>{t.facts.services}</dt>
        <dd>
          {services.map(({ name, state, restarts }) => (
            <div key={name}>
              {name} <span class={`tag ${tones[state]}`}>{t.facts.states[state]}</span>{' '}
              {restarts > 0 && <span class="muted">{t.facts.restarts(restarts)}</span>}
            </div>
          ))}
        </dd>
      </dl>
      <Plot
        name={t.facts.temperature}
        points={day.flatMap(({ at, temperature_c: value }) => (value === null ? [] : [{ at, value }]))}
        text={degrees}
      />
      <Plot name={t.facts.freeDisk} points={day.map(({ at, free_bytes: value }) => ({ at, value }))} text={bytesText} />
    </>
  );
}
