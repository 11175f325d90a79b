import type { ComponentChildren } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';

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
  /** Opens it, at first or when it comes to be so; who has closed it keeps it closed till then. */
  open?: boolean;
  children: ComponentChildren;
}) {
  const id = useId();
  const [isOpen, setOpen] = useState(open);
  useEffect(() => {
    if (open) setOpen(true);
  }, [open]);
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
