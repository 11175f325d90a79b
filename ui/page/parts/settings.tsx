import { useState } from 'preact/hooks';
import type { PageSetting, SettingsView } from '../../../protocol/box-views.ts';
import type { Input } from '../../../protocol/operations.ts';
import { act, post, read } from '../api.ts';
import { useAnswer, useBox } from '../box.ts';
import { t } from '../strings.ts';
import { Action, FaultNote } from './action.tsx';
import { Field, Form } from './form.tsx';
import { Section } from './section.tsx';

/** When the box updates by itself, whom it trusts, and who may open this page. */
export function Settings() {
  const { status } = useBox();
  const [changes, setChanges] = useState(0);
  const [said, setSaid] = useState('');
  // Another technician may have changed them: what follows from them tells.
  const follows = status.gates.filter(({ name }) => name === 'automatic' || name === 'window');
  const seen = [changes, status.next_check_at, ...follows.map(({ limit, open }) => `${limit} ${open}`)].join();
  const { answer, fault } = useAnswer(() => read('settings'), seen);
  const { answer: keys } = useAnswer(() => read('keys'), status.warnings.length);
  return (
    <Section name="settings" title={t.settings.title} sum={answer && sumOf(answer)}>
      {fault && <FaultNote fault={fault} />}
      {answer && (
        <Automatic
          key={JSON.stringify(answer.settings)}
          view={answer}
          say={setSaid}
          saved={() => {
            setSaid(t.settings.saved);
            setChanges(changes + 1);
          }}
        />
      )}
      <p role="status">{said}</p>
      <h3>{t.settings.keys}</h3>
      <ul class="list">
        {keys?.map(({ name, signs, kind, fingerprint, fault: bad, added_by, retired_by }) => (
          <li key={`${signs} ${name}`}>
            <b>{name}</b> {kind}
            <div class="print">{fingerprint}</div>
            {added_by !== null && <div>{t.settings.keyBrought(added_by)}</div>}
            {retired_by !== null && <div>{t.settings.keyRetired(retired_by)}</div>}
            {signs === 'builds' && <div>{t.settings.keyBuilds}</div>}
            {bad && <FaultNote fault={bad} kind="warn" />}
          </li>
        ))}
        {keys?.length === 0 && <li>{status.channel === 'tuf' ? t.settings.rootOnly : t.settings.noKeys}</li>}
      </ul>
      <h3>{t.settings.server}</h3>
      <p>
        <span class="print">{status.server_url ?? t.settings.noServer}</span>
        <br />
        <small class="muted">{t.settings.readOnly}</small>
      </p>
      <h3>{t.settings.password}</h3>
      <Password />
    </Section>
  );
}

function sumOf({ settings: { auto_install, schedule, window } }: SettingsView): string {
  if (schedule.value === null) return t.update.neverAsks;
  if (!auto_install.value) return t.settings.asks;
  return window.value ? t.settings.within(window.value) : t.settings.byItself;
}

const dailyPattern = /^(\d{1,2}) (\d{1,2}) \* \* \*$/;
const two = (n: string | undefined): string => (n ?? '0').padStart(2, '0');

interface AutomaticProps {
  readonly view: SettingsView;
  readonly say: (words: string) => void;
  readonly saved: () => void;
}

function Automatic({ view: { settings }, say, saved }: AutomaticProps) {
  const [, minute, hour] = dailyPattern.exec(settings.schedule.value ?? '') ?? [];
  const daily = hour && `${two(hour)}:${two(minute)}`;
  const [asks, setAsks] = useState(settings.schedule.value === null ? 'never' : daily ? 'daily' : 'own');
  const [time, setTime] = useState(daily ?? '00:00');
  const [own, setOwn] = useState(settings.schedule.value ?? '');
  const [auto, setAuto] = useState(settings.auto_install.value);
  const [limited, setLimited] = useState(settings.window.value !== null);
  const [[from = '01:00', to = '05:00'], setWindow] = useState((settings.window.value ?? '01:00-05:00').split('-'));

  const atTime = time === daily ? settings.schedule.value : cronOf(time);
  const schedule = asks === 'never' ? null : asks === 'daily' ? atTime : own;
  const change = async (input: Partial<Input<'settings_set'>>) => {
    // What was said of an earlier try is not beside what this one comes to.
    say('');
    await act('settings_set', input);
    saved();
  };
  const wished = { schedule, auto_install: auto, window: limited ? `${from}-${to}` : null };
  // What stays as it is goes on following the configuration file.
  const save = () =>
    change(
      Object.fromEntries(
        Object.entries(wished).filter(([name, value]) => value !== settings[name as PageSetting].value),
      ),
    );
  const overridden = (Object.keys(settings) as PageSetting[]).filter((name) => settings[name].source === 'settings');
  return (
    <Form run={save} go={t.settings.save}>
      <fieldset>
        <legend>{t.settings.install}</legend>
        <label class="choice">
          <input type="radio" name="auto" checked={auto} onChange={() => setAuto(true)} /> {t.settings.byItself}
        </label>
        <label class="choice">
          <input type="radio" name="auto" checked={!auto} onChange={() => setAuto(false)} /> {t.settings.asks}
        </label>
      </fieldset>
      <div class="fields">
        <label>
          {t.settings.schedule}
          <select value={asks} onChange={(event) => setAsks(event.currentTarget.value)}>
            {Object.entries(t.settings.schedules).map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        {asks === 'daily' && <Field label={t.settings.at} type="time" value={time} set={setTime} required />}
        {asks === 'own' && <Field label={t.settings.cron} value={own} set={setOwn} required />}
      </div>
      <small class="muted">{asks === 'never' ? t.settings.neverAsks : t.settings.spread}</small>
      <label class="choice">
        <input type="checkbox" checked={limited} onChange={(event) => setLimited(event.currentTarget.checked)} />{' '}
        {t.settings.window}
      </label>
      {limited && (
        <div class="fields">
          <Field label={t.settings.from} type="time" value={from} set={(v) => setWindow([v, to])} required />
          <Field label={t.settings.to} type="time" value={to} set={(v) => setWindow([from, v])} required />
        </div>
      )}
      {limited && from === to && <small class="muted">{t.settings.wholeDay}</small>}
      <div class="muted">
        {t.settings.zone}{' '}
        {overridden.length > 0 && (
          <Action kind="link" run={() => change({ reset: overridden })}>
            {t.settings.reset}
          </Action>
        )}
      </div>
    </Form>
  );
}

const cronOf = (time: string): string => {
  const [hour, minute] = time.split(':').map(Number);
  return `${minute} ${hour} * * *`;
};

function Password() {
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [said, setSaid] = useState('');
  const run = async () => {
    setSaid('');
    await post('/api/password', { old_password: old, new_password: fresh });
    setOld('');
    setFresh('');
    setSaid(t.settings.changed);
  };
  return (
    <Form run={run} go={t.settings.change}>
      <div class="fields">
        <Field
          label={t.settings.old}
          type="password"
          autocomplete="current-password"
          value={old}
          set={setOld}
          required
        />
        <Field
          label={t.login.newPassword(8)}
          type="password"
          autocomplete="new-password"
          minLength={8}
          maxLength={200}
          value={fresh}
          set={setFresh}
          required
        />
      </div>
      <p role="status">{said}</p>
    </Form>
  );
}
