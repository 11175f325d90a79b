import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';

/** A card that opens and closes; what is inside is only made while it is open. */
export function Section({
  name,
  title,
  sum,
  open = false,
  children,
}: {
  /** For links and tests. */
  name: string;
  title: string;
  /** What there is to know without opening it. */
  sum?: ComponentChildren;
  open?: boolean;
  children: ComponentChildren;
}) {
  const id = useId();
  const [isOpen, setOpen] = useState(open);
  return (
    <section id={name} class="card" aria-labelledby={id}>
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <h2 id={id}>{title}</h2>
          {sum && <span class="sum">{sum}</span>}
        </summary>
        {isOpen && <div class="inside">{children}</div>}
      </details>
    </section>
  );
}
