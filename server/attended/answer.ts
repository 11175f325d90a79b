/** An answer of the API before it is sent: a body that becomes JSON, or none. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Stops the handling of a request with this answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(readonly answer: Answer) {
    super(`refused with ${answer.status}`);
  }
}

export const refusal = (status: number, error: string, headers: Answer['headers'] = {}): Refusal =>
  new Refusal({ status, headers, body: { error } });

export const badRequest = (error: string): Refusal => refusal(400, error);
export const missing = (key: string): Refusal => refusal(400, `missing parameter: ${key}`, { 'X-Missing-Param': key });
export const unsupported = (error: string): Refusal => refusal(412, error);
export const tooBusy = (error: string, retryAfterS: number): Refusal =>
  refusal(503, error, { 'Retry-After': String(retryAfterS) });

/** Names from outside, made fit for a header; a client reads it unchecked, so it is never empty. */
export function unknownComponents(names: readonly string[]): Refusal {
  const shown = names.slice(0, 20).map((name) => name.replace(/[^A-Za-z0-9._+~-]/g, '?').slice(0, 64) || '?');
  const list = shown.join(', ');
  return refusal(422, `unknown components: ${list}`, { 'X-Unknown-Package': list });
}
