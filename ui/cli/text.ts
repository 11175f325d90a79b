import { isReleaseVersion, releaseDate } from '../../protocol/version.ts';

/** Characters that steer a terminal or turn the direction of writing; none of them is ever printed as it is. */
const steering = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Text from outside made harmless: every control character as `\u001b`. Text in JSON stays valid JSON. */
export const escaped = (text: string): string =>
  text.replace(steering, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Columns that a text takes at most: what may be a wide character counts as two. */
export const columnsOf = (text: string): number => {
  let columns = 0;
  for (const character of text) columns += character.codePointAt(0)! >= 0x1100 ? 2 : 1;
  return columns;
};

/** The beginning of a text that fits. */
export function cutTo(text: string, columns: number): string {
  let cut = '';
  let taken = 0;
  for (const character of text) {
    taken += columnsOf(character);
    if (taken > columns) break;
    cut += character;
  }
  return cut;
}

/** Broken between words into lines of at most `columns`. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && columnsOf(last) + 1 + columnsOf(word) <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** `2019-02-15 02:16 UTC`, from the ISO text of a daemon; what is none stays as it is. */
export const timeText = (iso: string): string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso) ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : iso;

/** `1550190683 (2019-02-15 02:16:23 UTC)`; the small numbers that boxes ship with have no date. */
export const versionText = (version: number): string =>
  isReleaseVersion(version) ? `${version} (${releaseDate(version)})` : String(version);
