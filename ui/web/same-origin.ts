import type { IncomingMessage } from 'node:http';

/**
 * Whether the page itself asks: a browser says so by itself, and no script of another page can have it say that. Over
 * plain http it sends Origin alone.
 * @param scheme of this server
 */
export function isFromThePage({ headers }: IncomingMessage, scheme: 'http' | 'https'): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  return headers.origin?.toLowerCase() === `${scheme}://${headers.host?.toLowerCase()}`;
}

/** What no form of another page can send without asking first. */
export function hasTypeOf(
  { headers }: IncomingMessage,
  type: 'application/json' | 'application/octet-stream',
): boolean {
  return headers['content-type']?.split(';')[0]?.trim().toLowerCase() === type;
}
