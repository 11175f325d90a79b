// The pages of the documentation that are tables of the source.
import { toJsonSchema } from '@valibot/to-json-schema';

const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

export function codesPage({ errorCodes }, { exitCodes }, { pageFaults }) {
  const sections = Object.entries(exitCodes).flatMap(([exit, about]) => {
    const rows = Object.entries(errorCodes).filter(([, code]) => code.exit === Number(exit));
    if (rows.length === 0) return [];
    const lines = rows.map(([name, { meaning, todo }]) => `| \`${name}\` | ${cell(meaning)} | ${cell(todo)} |`);
    return [
      `## Exit code ${exit}: ${about}\n\n| code | meaning | what to do |\n| --- | --- | --- |\n${lines.join('\n')}\n`,
    ];
  });
  return `# Codes

Every message of a box has one of these codes: on the page, in the history, in the log and on the command line, whose exit
code stands above each table. The message itself says what was expected and what was found. Made by \`npm run docs\` from
\`protocol/error-codes.ts\` and \`protocol/page.ts\`. Exit codes without a code: 0 is done, or nothing to do; 9 is installed, but not yet rebooted and
confirmed.

${sections.join('\n')}
## Of the page alone

| code | meaning | what to do |
| --- | --- | --- |
${pageRows(pageFaults)}
`;
}

const pageRows = (faults) =>
  Object.entries(faults)
    .map(([name, { message, todo }]) => `| \`${name}\` | ${cell(message)} | ${cell(todo)} |`)
    .join('\n');

export function controlPage({ operations, maxRequestBytes }) {
  const rows = Object.values(operations).map(({ method, path, page, input, about }) => {
    const fields = Object.entries(toJsonSchema(input, { typeMode: 'output', errorMode: 'ignore' }).properties ?? {});
    const words = fields.map(([name, schema]) => `\`${name}\` ${typeOf(schema)}`).join('<br>');
    return `| \`${method} ${path}\` | ${page ? 'page, control' : 'control'} | ${words} | ${cell(about)} |`;
  });
  return `# The control API

What the daemon does for those who talk to it: HTTP with JSON over two sockets of systemd, told apart by file mode.
\`/run/opq-updater/control.sock\` (0600) is root's and offers everything; \`/run/opq-updater/page.sock\` (0660, group
\`opq-updater\`) offers the rows with "page", none of which takes a URL, a path, a key or a script.

A GET and a PUT carry their input in the query, a POST as a JSON object of at most ${maxRequestBytes / 1024} KiB. An answer is 200 with JSON
(types: \`Output\` in \`protocol/control.ts\`), or an error status with \`{"code", "message", "todo"}\` ([codes.md](codes.md)).
\`/events\`, and \`/log\` with \`follow\`, are streams of server-sent events: first the whole status, then each change.

\`\`\`sh
sudo curl --unix-socket /run/opq-updater/control.sock http://box/status
sudo curl --unix-socket /run/opq-updater/control.sock --json '{"install": true}' http://box/check
\`\`\`

| request | socket | input | |
| --- | --- | --- | --- |
${rows.join('\n')}

Made by \`npm run docs\` from \`protocol/operations.ts\`.
`;
}

/** In the words of a person: type, limits, default. */
function typeOf(schema) {
  const { type, enum: values, anyOf, items, minimum, maximum, maxLength, default: fallback } = schema;
  const kind = values
    ? values.map((value) => `"${value}"`).join(' or ')
    : anyOf
      ? anyOf.map(typeOf).join(' or ')
      : type === 'array'
        ? `list of ${typeOf(items)}`
        : type === undefined
          ? 'JSON'
          : type;
  const range =
    minimum !== undefined &&
    minimum > Number.MIN_SAFE_INTEGER &&
    maximum !== undefined &&
    maximum < Number.MAX_SAFE_INTEGER
      ? `, ${minimum} to ${maximum}`
      : '';
  const length = maxLength === undefined ? '' : `, at most ${maxLength} characters`;
  return `${kind}${range}${length}${fallback === undefined ? '' : `, default ${cell(JSON.stringify(fallback))}`}`;
}
