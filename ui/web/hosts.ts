import type { IncomingMessage } from 'node:http';

/**
 * Whether a request asks for this box by a name of its own: another web page may have its name lead here (DNS
 * rebinding), but it cannot make a browser say another one.
 * @param names lower case, without port
 */
export function isOurHost({ headers, socket }: IncomingMessage, names: ReadonlySet<string>): boolean {
  const [, host] = /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/.exec(headers.host?.toLowerCase() ?? '') ?? [];
  if (host === undefined) return false;
  return names.has(host) || host === addressOf(socket.localAddress ?? '');
}

/** What a box is called: its host name, in full and alone, each also as mDNS has it, and what its owner adds. */
export function namesOf(hostname: string, configured: readonly string[]): ReadonlySet<string> {
  const [alone = ''] = hostname.split('.');
  return new Set(['localhost', hostname, alone, `${alone}.local`, ...configured].map((name) => name.toLowerCase()));
}

/** The address at which a connection came in, as a browser writes it into Host. */
function addressOf(local: string): string {
  const address = local.replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*$/, '');
  return address.includes(':') ? new URL(`http://[${address}]`).hostname : address;
}
