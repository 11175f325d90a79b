/** The releases that the boxes of the crash proof run and get: small, and with all that makes a copy hard. */
import type { ScriptLines } from '../support/scratch-release.ts';

export const service = 'box-config-daemon.service';
const folder = 'usr/local/box-config-daemon';
/** Not there in the old release: an undo has to take it away. */
export const extraFolder = 'usr/local/opq-extra';

export interface CrashRelease {
  readonly version: number;
  /** In its package: path to text. */
  readonly files: Readonly<Record<string, string>>;
}

/** A program says which release it is of, and whether it stays up. */
export const programOf = (version: number, fate: 'stays' | 'fails') =>
  `#!/bin/sh\n# release ${version} ${fate}\n${fate === 'stays' ? 'exec sleep 1000000' : 'exit 1'}\n# end\n`;

export function crashRelease(
  version: number,
  { fate = 'stays' as 'stays' | 'fails', script = {} as ScriptLines } = {},
): CrashRelease {
  const unit = `[Service]\nExecStart=/${folder}/run.sh\n# of ${version}\n`;
  const install = `#!/bin/bash
set -e
target="$OPQ_BOX_ROOT/${folder}"
${script.begin ?? ''}
rm -rf "$target"
mkdir "$target"
${script.middle ?? ''}
cp -R box-config-daemon/. "$target"
ln -s calibration "$target/current"
cp ${service} "$OPQ_BOX_ROOT/etc/systemd/system/${service}"
mkdir -p "$OPQ_BOX_ROOT/${extraFolder}"
cp extra "$OPQ_BOX_ROOT/${extraFolder}/extra"
cp VERSION "$target/VERSION"
${script.end ?? ''}
`;
  return {
    version,
    files: {
      'install_update.sh': install,
      [service]: unit,
      extra: `extra of ${version}\n`,
      'box-config-daemon/run.sh': programOf(version, fate),
      'box-config-daemon/calibration': `calibration of ${version}\n`.repeat(40),
    },
  };
}
