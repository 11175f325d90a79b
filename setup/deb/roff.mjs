// Words for man pages.

const escapes = { '\\': '\\e', '-': '\\-', "'": '\\(aq', '`': '\\(ga', '^': '\\(ha', '~': '\\(ti' };

/** Text as it is: nothing in it is a request or an escape, a dash can be copied, a quote stays one. */
export const plain = (text) =>
  text.replaceAll(/[\\'`^~-]/g, (character) => escapes[character]).replaceAll(/^\./gm, '\\&.');

export const bold = (text) => `\\fB${plain(text)}\\fR`;
export const italic = (text) => `\\fI${plain(text)}\\fR`;

/** A term with what is told about it; both are roff already. */
export const item = (term, told) => `.TP\n${term}\n${told}\n`;

export const section = (title, body) => `.SH ${title}\n${body}`;

/** Lines as they are, in a typewriter's face. */
export const example = (lines) => `.EX\n${lines.map(plain).join('\n')}\n.EE\n`;

export const header = (name, number, { version, epochS }) => {
  const day = new Date(epochS * 1000).toISOString().slice(0, 10);
  return `.TH ${plain(name.toUpperCase())} ${number} ${plain(day)} "opq\\-box\\-updater ${plain(version)}"\n`;
};
