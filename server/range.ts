/** Which bytes of a file are wanted: first and last, both included; or what else to do. */
export type Wanted = { readonly first: number; readonly last: number } | 'whole' | 'unsatisfiable';

/**
 * Reads a Range header against a file's size.
 * One range is honoured. Several, another unit or bad syntax mean the whole file, as a server may ignore the header.
 * @see RFC 9110 sections 14.1.2 (syntax; a last before its first is invalid), 14.2 and 15.5.17
 */
export function wantedRange(header: string, sizeBytes: number): Wanted {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header);
  if (!match) return 'whole';
  const [from = '', to = ''] = match.slice(1);
  if (from === '') return to === '' ? 'whole' : suffix(Number(to), sizeBytes);
  if (to !== '' && BigInt(to) < BigInt(from)) return 'whole';
  const first = Number(from);
  if (first >= sizeBytes) return 'unsatisfiable';
  return { first, last: to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1) };
}

function suffix(lengthBytes: number, sizeBytes: number): Wanted {
  if (lengthBytes === 0 || sizeBytes === 0) return 'unsatisfiable';
  return { first: Math.max(0, sizeBytes - lengthBytes), last: sizeBytes - 1 };
}
