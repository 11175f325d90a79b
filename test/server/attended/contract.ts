import { expect } from 'vitest';
import { oldRelease, type Reply } from './shop.ts';

/** One line of the tables of the API: what is asked, and what comes back. */
export interface Row {
  readonly when: string;
  readonly body: unknown;
  readonly status: number;
  readonly headers?: Record<string, unknown>;
  /** Undefined: there is no body. */
  readonly json?: unknown;
}

export const base = { distro: 'opq', version: String(oldRelease) };
export const error = { error: expect.any(String) };
export const hash: string = expect.stringMatching(/^[0-9a-f]{64}$/);

export function mustBe(reply: Reply, { status, headers = {}, json }: Pick<Row, 'status' | 'headers' | 'json'>): void {
  expect(reply.status).toBe(status);
  expect(reply.headers).toMatchObject(headers);
  if (json === undefined) expect(reply.bytes.length).toBe(0);
  else expect(reply.json).toEqual(json);
}
