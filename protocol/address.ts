/**
 * Addresses may hold a name and a password (`http://box:secret@host/`). They are taken apart and become text here
 * and nowhere else: what is asked for has none in it, what is shown says that there is one.
 */

/** What a server asks for before it answers. */
export interface Login {
  /** The only place that it is sent to. */
  readonly origin: string;
  /** Base64 of `name:password`, as HTTP sends it. */
  readonly basic: string;
}

/** An address without name and password, to ask for. */
export function plainUrl(text: string): string {
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href;
}

/** The name and password in an address, if it has any. */
export function loginOf(text: string): Login | undefined {
  const { username, password, origin } = new URL(text);
  if (username === '' && password === '') return undefined;
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { origin, basic: Buffer.from(plain).toString('base64') };
}

/** An address for people to read: `***` where it has name, password or query. What is no address loses as much. */
export const shownUrl = (text: string): string =>
  text.replace(/^([a-z]+:\/+)?.*@/is, '$1***@').replace(/([?#]).*$/s, '$1***');

/** Any text, without the name and password of an address in it. */
export const withoutLogin = (text: string): string => text.replace(/:\/\/.*@/gs, '://***@');

/** True: name and password, if any, can be read. */
export function hasReadableLogin(text: string): boolean {
  try {
    loginOf(text);
    return true;
  } catch {
    return false; // no address, or a percent sign that is none of a code
  }
}
