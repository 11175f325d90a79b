import { useEffect, useRef, useState } from 'preact/hooks';
import type { LogLine } from '../../../protocol/views.ts';
import { useLog } from '../box.ts';
import { t } from '../strings.ts';
import { Time } from '../times.tsx';
import { Field } from './form.tsx';
import { Section } from './section.tsx';

const ranks: Readonly<Record<LogLine['level'], number>> = { info: 0, warn: 1, error: 2 };

/** The log as it grows, less what the filter leaves out. */
export function Log() {
  const [words, setWords] = useState('');
  const [level, setLevel] = useState<LogLine['level']>('info');
  return (
    <Section name="log" title={t.log.title} sum={t.log.sum}>
      <div class="fields">
        <Field label={t.log.filter} type="search" value={words} set={setWords} />
        <label>
          {t.log.level}
          <select value={level} onChange={(event) => setLevel(event.currentTarget.value as LogLine['level'])}>
            {(Object.keys(ranks) as LogLine['level'][]).map((name) => (
              <option key={name} value={name}>
                {t.log.levels[name]}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Shown words={words.toLowerCase()} level={level} />
      <p>
        <a class="button" href="/api/bundle" download>
          {t.log.bundle}
        </a>{' '}
        <small class="muted">{t.log.bundleText}</small>
      </p>
    </Section>
  );
}

function Shown({ words, level }: { words: string; level: LogLine['level'] }) {
  const log = useLog();
  const box = useRef<HTMLOListElement>(null);
  const atEnd = useRef(true);
  const lines = log.filter((line) => ranks[line.level] >= ranks[level] && line.text.toLowerCase().includes(words));
  useEffect(() => {
    // Who reads further up is left there.
    if (atEnd.current) box.current?.scrollTo(0, box.current.scrollHeight);
  });
  if (lines.length === 0) return <p class="muted">{t.log.none}</p>;
  return (
    <ol
      ref={box}
      class="log"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be in reach of the keyboard
      tabIndex={0}
      aria-label={t.log.title}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        atEnd.current = scrollTop + clientHeight > scrollHeight - 30;
      }}
    >
      {lines.map(({ at, level, text }, index) => (
        <li key={index} class={level}>
          <Time at={at} as="seconds" /> <b>{t.log.marks[level]}</b> {text}
        </li>
      ))}
    </ol>
  );
}
