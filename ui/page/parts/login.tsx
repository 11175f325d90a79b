import { useState } from 'preact/hooks';
import type { LoginInput, SessionView } from '../../../protocol/page.ts';
import { post } from '../api.ts';
import { t } from '../strings.ts';
import { Field, Form } from './form.tsx';

/** Characters of a page password, as protocol/page.ts has them. */
const [shortest, longest] = [8, 200];

/** Who asks shows that he may: by the password of the page, or by a PIN that only the box itself shows. */
export function Login({ session, done }: { session: SessionView; done: () => void }) {
  const [byPin, setByPin] = useState(!session.password_set);
  const [pin, setPin] = useState('');
  const [password, setPassword] = useState('');
  const run = async () => {
    const input: LoginInput = byPin ? { pin: pin.trim(), new_password: password } : { password };
    await post('/api/login', input);
    done();
  };
  return (
    <main class="login">
      <section class="card" aria-labelledby="login-title">
        <h1 id="login-title">{t.login.heading(session.box)}</h1>
        <p>{byPin ? (session.password_set ? t.login.forgotten : t.login.first) : t.login.title}</p>
        <Form run={run} go={byPin ? t.login.setPassword : t.login.signIn}>
          {byPin && (
            <Field
              label={t.login.pin}
              value={pin}
              set={setPin}
              inputMode="numeric"
              autocomplete="one-time-code"
              required
            />
          )}
          <Field
            key={String(byPin)}
            label={byPin ? t.login.newPassword(shortest) : t.login.password}
            type="password"
            value={password}
            set={setPassword}
            autocomplete={byPin ? 'new-password' : 'current-password'}
            {...(byPin ? { minLength: shortest } : {})}
            maxLength={longest}
            required
          />
        </Form>
        {byPin && (
          <p class="muted">
            {t.login.pinHow} <code>sudo opq-updater page pin</code>
          </p>
        )}
        {session.password_set && (
          <button type="button" class="link" onClick={() => setByPin(!byPin)}>
            {byPin ? t.login.withPassword : t.login.withPin}
          </button>
        )}
        {!session.https && <p class="muted">{t.login.plain}</p>}
      </section>
    </main>
  );
}
