import type { PathList } from '../../../protocol/views.ts';
import { t } from '../strings.ts';

/** Paths of the box: how many, and which. */
export function Paths({ of: { count, first }, text }: { of: PathList; text: string }) {
  const paths = (
    <ul class="paths">
      {first.map((path) => (
        <li key={path}>{path}</li>
      ))}
      {count > first.length && <li>{t.more(count - first.length)}</li>}
    </ul>
  );
  if (count === 0) return null;
  return (
    <details class="output" open={count <= 5}>
      <summary>
        {count} {text}
      </summary>
      {paths}
    </details>
  );
}
