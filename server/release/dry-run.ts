import { errorCodes } from '../../protocol/error-codes.ts';
import { rehearse } from './rehearsal/prepare.ts';
import type { Difference, Rehearsed, Request } from './rehearsal/rehearsal.ts';
import { objections } from './rehearsal/verdict.ts';
import { counted, printable, sizeText, table } from './text.ts';
import { verb } from './verb.ts';

export const dryRun = verb({
  summary: 'tell what a package would add, change and remove on a box',
  operands: ['PACKAGE'],
  options: {
    root: { type: 'string', value: 'DIR', required: true, help: 'tree of a box: a copy, or an unpacked image' },
  },
  details: `Runs install_update.sh of the package in a scratch copy of the box whose tree lies below DIR, and lists what
is different then; nothing in DIR changes. What a box does not let a script write is listed too.
The script runs as a box runs it, in a user namespace without network, with the programs of this
machine. A signature is not needed. The exit code is 0 when the box would take what the script does.`,
  examples: [
    ['opq-release dry-run opq-box-update-1550190683.tar.bz2 --root box', 'what changes on a box like this copy'],
    ['opq-release dry-run opq-box-update-1550190683.tar.bz2 --root box --json', 'the same as a document'],
  ],

  async run({ PACKAGE: path, root }, { program }) {
    const { result, request } = await rehearse<Rehearsed>(path, root, { task: 'dry-run', maxStops: 0, program });
    const reasons = objections(result, request, 0);
    return {
      text: table([
        ['package', path],
        ['box', root],
        ['VERSION', versionText(result, request)],
        ...(['added', 'changed', 'removed'] as const).map((kind) => listed(kind, result.differences)),
        ['calls', printable(result.calls.map(({ text }) => text).join('\n'))],
        ['a box', reasons.length === 0 ? 'would take what the script does' : 'would put the release back:'],
        ['', printable(reasons.map(({ code, why }) => `${code} ${why}`).join('\n'))],
      ]),
      json: {
        package: path,
        root,
        version: request.version,
        writable_paths: request.writable,
        exit_code: result.exitCode,
        version_before: result.installedBefore,
        version_after: result.installed,
        changes: result.differences.map(differenceJson),
        calls: result.calls.map(({ text }) => text),
        would_hold: reasons.length === 0,
        reasons: reasons.map(({ code, why }) => ({ code, message: why })),
        output: result.output,
      },
      exit: reasons[0] ? errorCodes[reasons[0].code].exit : 0,
    };
  },
});

function versionText({ installed, installedBefore, exitCode }: Rehearsed, { version }: Request): string {
  const before = installedBefore ?? 'nothing';
  if (installed === version) return `${before} -> ${version}`;
  return installed === installedBefore
    ? `${before}, left alone${exitCode === 0 ? ': the box writes it' : ''}`
    : `${before} -> ${installed ?? 'nothing'}`;
}

function listed(kind: Difference['kind'], all: readonly Difference[]): [string, string] {
  const some = all.filter((one) => one.kind === kind);
  const lines = some.map(({ path, what, bytes, bytesBefore, outside }) => {
    const size = kind === 'changed' ? `${sizeText(bytesBefore)} -> ${sizeText(bytes)}` : sizeText(bytes || bytesBefore);
    return `${path}  ${what === 'file' ? size : what}${outside ? '  OUTSIDE' : ''}`;
  });
  const sum = some.reduce((bytes, one) => bytes + (kind === 'removed' ? one.bytesBefore : one.bytes), 0);
  return [kind, printable([`${counted(some.length, 'path')}, ${sizeText(sum)}`, ...lines].join('\n'))];
}

export const differenceJson = ({ path, kind, what, bytes, bytesBefore, outside }: Difference) => ({
  path,
  kind,
  what,
  bytes,
  bytes_before: bytesBefore,
  outside,
});
