import type { Context } from 'koa';

/** The whole answer to each kind of refusal: constant, so that none tells a path or a stack. */
const refusals = {
  400: 'Bad request.\n',
  404: 'Resource not found.\n',
  405: 'Method not allowed.\n',
  412: 'Precondition failed.\n',
  416: 'Range not satisfiable.\n',
  500: 'Internal server error.\n',
  503: 'The updates cannot be read at the moment.\n',
} as const;

/** Answers with an error. Never cached: what is missing now may be published in a minute. */
export function refuse(ctx: Context, status: keyof typeof refusals): void {
  ctx.status = status;
  ctx.set('Cache-Control', 'no-store');
  ctx.set('Content-Type', 'text/plain; charset=utf-8');
  ctx.body = refusals[status];
}
