import { useEffect, useState } from 'preact/hooks';
import type { SessionView } from '../../protocol/page.ts';
import { headlineOf } from '../../protocol/words.ts';
import { ask, post, sessionOver } from './api.ts';
import { BoxContext, LogContext, useLive } from './box.ts';
import { Components } from './parts/components.tsx';
import { Facts } from './parts/facts.tsx';
import { Header, Warnings } from './parts/header.tsx';
import { History } from './parts/history.tsx';
import { Log } from './parts/log.tsx';
import { Login } from './parts/login.tsx';
import { Settings } from './parts/settings.tsx';
import { Stepper } from './parts/stepper.tsx';
import { Undo } from './parts/undo.tsx';
import { UpdateCard } from './parts/update-card.tsx';
import { Upload } from './parts/upload.tsx';
import { useVerdict, Verdict } from './parts/verdict.tsx';
import { Why } from './parts/why.tsx';
import { t } from './strings.ts';
import { zoneName } from './times.tsx';

const lookAgainMs = 1500;

/** Signs in where it must, then shows the box. */
export function App() {
  const [session, setSession] = useState<SessionView | null>(null);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    /** Until when a session that is not there may still be on its way, by performance.now. */
    let waitUntilMs = 0;
    const look = (): void => {
      clearTimeout(timer);
      ask('/api/session', {}).then(
        (answer) => {
          const view = answer as SessionView;
          // A new password ends this session as well, and the new one is only on its way: asked once more.
          if (view.signed_in) waitUntilMs = Number.POSITIVE_INFINITY;
          else waitUntilMs = Math.min(waitUntilMs, performance.now() + lookAgainMs);
          if (view.signed_in || performance.now() >= waitUntilMs) setSession(view);
          else timer = setTimeout(look, lookAgainMs);
        },
        // Without an answer the page waits: a box that reboots is asked again.
        () => {
          timer = setTimeout(look, lookAgainMs);
        },
      );
    };
    look();
    addEventListener(sessionOver, look);
    return () => {
      clearTimeout(timer);
      removeEventListener(sessionOver, look);
    };
  }, []);
  if (!session) return <p class="waiting">{t.loading}</p>;
  if (!session.signed_in) return <Login session={session} done={() => dispatchEvent(new Event(sessionOver))} />;
  return <Box signOut={() => post('/api/logout', {}).then((view) => setSession(view as SessionView))} />;
}

function Box({ signOut }: { signOut: () => void }) {
  const { box, log } = useLive();
  const { status } = box;
  useEffect(() => {
    if (status) document.title = `${headlineOf(status)} – ${status.box.name}`;
  }, [status]);
  const verdict = useVerdict(status ?? { update: null, last_update: null });
  if (!status) return <p class="waiting">{box.line === 'away' ? t.line.away : t.loading}</p>;
  return (
    <BoxContext value={{ ...box, status }}>
      <LogContext value={log}>
        <Header signOut={signOut} />
        <main>
          <div class="column">
            <Warnings />
            {verdict && <Verdict {...verdict} />}
            {status.update && <Stepper update={status.update} />}
            {(!status.update || status.state === 'stuck') && <UpdateCard isToldOf={verdict !== null} />}
            {status.channel === 'attended' && <Components />}
            <Why />
            <Upload />
            <Undo />
          </div>
          <div class="column">
            <Facts />
            <History />
            <Settings />
            <Log />
          </div>
        </main>
        <footer class="muted">{t.zone(zoneName())}</footer>
      </LogContext>
    </BoxContext>
  );
}
