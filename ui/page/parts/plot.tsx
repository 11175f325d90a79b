import { t } from '../strings.ts';
import { Time } from '../times.tsx';

interface Point {
  readonly at: string;
  readonly value: number;
}

const [width, height, edge] = [480, 64, 4];

/** A day of one value as a line, its lowest and highest in words beside it. */
export function Plot({ name, points, text }: { name: string; points: readonly Point[]; text: (v: number) => string }) {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || first === last) return null;
  const values = points.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [from, to] = [Date.parse(first.at), Date.parse(last.at)];
  // A line that hardly moves stays in the middle, instead of looking like a mountain range.
  const span = Math.max(high - low, Math.abs(high) * 0.02, 1e-9);
  const middle = (high + low) / 2;
  const x = (at: string) => (width * (Date.parse(at) - from)) / Math.max(1, to - from);
  const y = (value: number) => height / 2 - ((value - middle) / span) * (height - 2 * edge);
  const line = points.map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  return (
    <figure class="plot">
      <figcaption>
        {name} <b>{text(last.value)}</b>{' '}
        <span class="muted">{low === high ? t.facts.steady : t.facts.range(text(low), text(high))}</span>
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={t.facts.day(name, text(low), text(high))}
      >
        <polygon class="area" points={`0,${height} ${line} ${width},${height}`} />
        <polyline points={line} vector-effect="non-scaling-stroke" />
      </svg>
      <p class="ends">
        <Time at={first.at} as="clock" /> <Time at={last.at} as="clock" />
      </p>
    </figure>
  );
}
