import type { Whole } from '../box.ts';
import { installed, type Recipe, service } from '../release.ts';
import { data } from '../scenarios/power-cuts.ts';
import { fileEntry } from '../tree.ts';

/**
 * A release whose script leaves much on the disk half-way. It runs in the box and, where an update goes on after a
 * cut, below the folder that a rebuilt disk is mounted on: never on the machine itself.
 */
export function blockRelease(version: number, more: Partial<Recipe> = {}): Recipe {
  const script = `#!/bin/bash
set -e
root=\${OPQ_BOX_ROOT:-}
[ -e "$root/etc/opq-updater/keys/publisher.pem" ] || { echo "this is no box"; exit 9; }
target=$root/usr/local/box-config-daemon
rm -rf "$target"/[a-n]*; sync
rm -rf "$target"/*; sync
echo "added by ${version}" >"$root/etc/opq/added"; sync
cp -R box-config-daemon/data-[0-3] "$target"/; sync
cp ${service} "$root/etc/systemd/system/${service}"
cp -R box-config-daemon/. "$target"/; sync
cp VERSION "$target/VERSION"
`;
  return { version, data, script, ...more };
}

/**
 * Its service ends at once: it does not pass the trial. It is not started again, which on a slow machine would go on
 * until the trial's deadline: systemd gives up on what fails five times in ten seconds.
 */
export const bad = blockRelease(1_600_000_001, {
  program: '#!/bin/sh\nexit 1\n',
  unit: `[Service]\nExecStart=/usr/local/box-config-daemon/run.sh\n[Install]\nWantedBy=multi-user.target\n`,
});
export const good = blockRelease(1_600_000_002);
/** What each box has to take in the end; small. */
export const next = blockRelease(1_600_000_009, { data: { 'data-0': 'few\n' } });

/** The box with such a release. */
export const wholeOf = (old: Whole, recipe: Recipe): Whole => ({
  version: recipe.version,
  tree: {
    ...installed(old.tree, recipe),
    '/etc/opq/added': fileEntry(`added by ${recipe.version}\n`, '644'),
  },
});
