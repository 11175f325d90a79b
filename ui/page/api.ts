/** Asks the box, with the cookie of the session. What goes wrong is a Fault in the words of the box. */
import type { Output } from '../../protocol/control.ts';
import type { Input } from '../../protocol/operations.ts';
import type { Fault } from '../../protocol/views.ts';
import { type Asked, pathOf } from './paths.ts';
import { t } from './strings.ts';

/** An answer that is no good one. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly fault: Fault,
  ) {
    super(fault.message);
  }
}

export const read = <K extends Asked>(name: K, query: Record<string, string> = {}): Promise<Output[K]> =>
  ask(`${pathOf(name)}?${new URLSearchParams(query)}`, {}) as Promise<Output[K]>;

export const act = <K extends Asked>(name: K, input: Partial<Input<K>> = {}): Promise<Output[K]> =>
  post(pathOf(name), input) as Promise<Output[K]>;

export const post = (path: string, body: unknown): Promise<unknown> =>
  ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** @throws Refused, with status 0 when nobody answered */
export async function ask(path: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(path, { ...init, cache: 'no-store' }).catch(() => {
    throw new Refused(0, { code: 'DAEMON_UNREACHABLE', message: t.line.faultMessage, todo: t.line.faultTodo });
  });
  const text = await response.text();
  if (response.ok) return text === '' ? null : JSON.parse(text);
  if (response.status === 401) dispatchEvent(new Event(sessionOver));
  throw new Refused(response.status, faultIn(text, response.status));
}

/** Sent to the window when the box knows our session no more. */
export const sessionOver = 'session-over';

function faultIn(text: string, status: number): Fault {
  try {
    const { code, message, todo } = JSON.parse(text);
    if (typeof code === 'string' && typeof message === 'string') return { code, message, todo } as Fault;
  } catch {
    // No JSON: a constant error page, or something between us and the box.
  }
  return { code: 'INTERNAL', message: t.line.oddAnswer(status), todo: t.line.faultTodo };
}

export function faultFrom(thrown: unknown): Fault {
  if (thrown instanceof Refused) return thrown.fault;
  return { code: 'INTERNAL', message: String(thrown), todo: t.line.faultTodo };
}
