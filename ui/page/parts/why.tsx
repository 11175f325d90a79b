import type { Gate } from '../../../protocol/views.ts';
import { gatesSummary, gateWordOf } from '../../../protocol/words.ts';
import { useBox } from '../box.ts';
import { t } from '../strings.ts';
import { timeText } from '../times.tsx';
import { Section } from './section.tsx';

/** Every condition that may hold updates back, with what it found and what it needs; those that hold come first. */
export function Why() {
  const { gates } = useBox().status;
  const closed = gates.filter(({ open }) => !open);
  const open = gates.filter((gate) => gate.open);
  return (
    <Section name="why" title={t.why.title} sum={gatesSummary(gates)} open={closed.length > 0}>
      <ul class="list">
        {closed.map((gate) => (
          <li key={gate.name}>
            <Row gate={gate} />
          </li>
        ))}
      </ul>
      <details class="output" open={closed.length === 0}>
        <summary>{t.why.allOpen(open.length)}</summary>
        <ul class="list">
          {open.map((gate) => (
            <li key={gate.name}>
              <Row gate={gate} />
            </li>
          ))}
        </ul>
      </details>
    </Section>
  );
}

const tones = { open: 'good', overruled: 'warn', held: 'warn', closed: 'bad' } as const;

function Row({ gate }: { gate: Gate }) {
  const { name, value, limit, fault, since, until } = gate;
  const { at } = useBox().status;
  const word = gateWordOf(gate);
  return (
    <>
      <p>
        <span class={`tag ${tones[word]}`}>{t.why.words[word]}</span> <b>{name}</b> {value}{' '}
        <span class="muted">
          ({t.why.needs} {limit})
        </span>
      </p>
      {fault && (
        <p>
          {fault.message} {since && t.why.since((Date.parse(at) - Date.parse(since)) / 1000)}{' '}
          {until && t.why.until(timeText(until))}
          <br />
          {t.todo} {fault.todo}. <code>{fault.code}</code>
        </p>
      )}
    </>
  );
}
