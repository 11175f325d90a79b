import type { IncomingMessage } from 'node:http';

const name = 'opq-session';

/** The token that the browser has, as far as it can be one. */
export function tokenIn({ headers }: IncomingMessage): string | undefined {
  const [, token] = new RegExp(`(?:^|;\\s*)${name}=([A-Za-z0-9_-]{43})(?:;|$)`).exec(headers.cookie ?? '') ?? [];
  return token;
}

/** Sent to this page alone, never told to its scripts. @param token null ends it */
export const cookieFor = (token: string | null, https: boolean): string =>
  [
    `${name}=${token ?? ''}`,
    'Path=/',
    'HttpOnly',
    'SameSite=Strict',
    ...(https ? ['Secure'] : []),
    `Max-Age=${token === null ? 0 : 12 * 3600}`,
  ].join('; ');
