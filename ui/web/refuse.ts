import type { Context } from 'koa';
import { type PageFaultCode, pageFaults } from '../../protocol/page.ts';

/** What the page's server refuses on purpose. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(readonly code: PageFaultCode) {
    super(code);
  }
}

/** Answers with one of the constant refusals: none tells a path or a stack. */
export function refuse(ctx: Context, code: PageFaultCode): void {
  const { status, message, todo } = pageFaults[code];
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  if (code === 'TOO_MANY') ctx.set('Retry-After', '5');
  // A body that nobody reads must not keep the connection.
  if (ctx.method !== 'GET') ctx.set('Connection', 'close');
  ctx.body = { code, message, todo };
}
