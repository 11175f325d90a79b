import { useState } from 'preact/hooks';
import type { ComponentsView, ComponentView } from '../../../protocol/box-views.ts';
import { misfits } from '../../../protocol/misfits.ts';
import { act, read } from '../api.ts';
import { useAnswer, useBox } from '../box.ts';
import { t } from '../strings.ts';
import { versionText } from '../times.tsx';
import { Action, FaultNote } from './action.tsx';
import { Dialog } from './dialog.tsx';
import { Section } from './section.tsx';
import { whyNot } from './update-card.tsx';

/** What the box is put together of, and what it could be: where updates are built on demand. */
export function Components() {
  const { last_update: last } = useBox().status;
  const { answer, fault } = useAnswer(() => read('components'), last && `${last.id} ${last.outcome}`);
  const runs = answer?.components.filter(({ running }) => running !== null) ?? [];
  return (
    <Section name="components" title={t.components.title} sum={answer && t.components.sum(runs.length)} open>
      {!answer && !fault && <p>{t.loading}</p>}
      {fault && <FaultNote fault={fault} />}
      {answer?.fault && <FaultNote fault={answer.fault} kind="warn" />}
      {answer && <Choice key={`${answer.image} ${answer.release}`} view={answer} />}
    </Section>
  );
}

const runsHere = ({ running }: ComponentView): boolean => running !== null;

function Choice({ view: { components, release } }: { view: ComponentsView }) {
  const { status, line } = useBox();
  const [names, setNames] = useState(new Set(components.filter(runsHere).map(({ name }) => name)));
  const [asks, setAsks] = useState(false);
  const chosen = components.filter(({ name }) => names.has(name));
  const add = chosen.filter((row) => !runsHere(row)).map(({ name }) => name);
  const remove = components.filter((row) => runsHere(row) && !names.has(row.name)).map(({ name }) => name);
  const complaints = misfits(chosen);
  const same = release === status.installed && chosen.every(({ running, available }) => running === available);
  const why =
    whyNot(status, line) ??
    (release === null ? t.components.whyNoIndex : null) ??
    (complaints.length > 0 ? t.components.whyMisfits : null) ??
    (chosen.length === 0 || (same && remove.length === 0) ? t.components.whySame : null);
  const toggle = (name: string) => {
    const next = new Set(names);
    if (!next.delete(name)) next.add(name);
    setNames(next);
  };
  return (
    <>
      <ul class="list parts">
        {components.map((row) => (
          <Row
            key={row.name}
            row={row}
            isKnown={release !== null}
            chosen={names.has(row.name)}
            toggle={() => toggle(row.name)}
          />
        ))}
      </ul>
      {complaints.length > 0 && (
        <div class="note warn" role="alert">
          <p>{t.components.misfits}</p>
          <ul>
            {complaints.map((text) => (
              <li key={text}>{text}</li>
            ))}
          </ul>
        </div>
      )}
      <Action kind="main" run={() => setAsks(true)} why={why}>
        {t.components.build}
      </Action>
      {asks && release !== null && (
        <Dialog title={t.components.ask(versionText(release))} close={() => setAsks(false)}>
          <p>{t.components.text}</p>
          {add.length > 0 && <p>{t.components.more(add)}</p>}
          {remove.length > 0 && <p>{t.components.less(remove)}</p>}
          <p>{t.update.confirmSafe}</p>
          <div class="actions">
            <Action run={() => setAsks(false)}>{t.never}</Action>
            <Action
              kind="main"
              run={async () => {
                const known = components.some(runsHere);
                await act('upgrade', known ? { add, remove } : { only: add });
                setAsks(false);
              }}
            >
              {t.components.go}
            </Action>
          </div>
        </Dialog>
      )}
    </>
  );
}

interface RowProps {
  readonly row: ComponentView;
  /** False while nothing is known of what is available. */
  readonly isKnown: boolean;
  readonly chosen: boolean;
  readonly toggle: () => void;
}

function Row({ row, isKnown, chosen, toggle }: RowProps) {
  const { name, running, available, requires, conflicts } = row;
  const versions = running !== null && available !== null && running !== available ? `${running} → ${available}` : null;
  return (
    <li>
      <label class="choice">
        <input type="checkbox" checked={chosen} onChange={toggle} />
        <b>{name}</b>
        <span>{versions ?? running ?? available}</span>
        {versions && <span class="tag good">{t.components.newer}</span>}
        {isKnown && available === null && <span class="tag warn">{t.components.gone}</span>}
      </label>
      {requires.length + conflicts.length > 0 && <small>{t.components.rules(requires, conflicts)}</small>}
    </li>
  );
}
