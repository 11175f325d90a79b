import { updateSteps } from '../../../protocol/views.ts';
import { factory } from '../release.ts';
import { markdown, type Result } from '../results.ts';
import type { Entry } from './log.ts';
import type { Replayed } from './replay.ts';

const isLost = ({ wrong }: Replayed): boolean => wrong.length > 0;

/** The last line of a run. */
export function verdictOf(disks: readonly Replayed[], boots: readonly Result[]): string {
  const lost = disks.filter(isLost).length + boots.filter(({ passed }) => !passed).length;
  return `${disks.length} disks, ${boots.length} booted, ${lost} lost`;
}

/** @param words what was typed behind `blocks.sh` */
export function pageOf(words: readonly string[], entries: readonly Entry[]) {
  const flushes = entries.filter(({ kind }) => kind === 'flush').length;
  return (disks: readonly Replayed[], boots: readonly Result[]): string => `# The disk of an update, block by block

A Debian 13 with systemd is booted in QEMU with the package on it and updated twice: to a release whose service fails,
which is put back, and to one that stays. QEMU records each write and flush of its disk: ${entries.length} entries, ${flushes} of
them flushes. From that the disk is rebuilt as a power cut would have left it: with what was flushed and nothing else,
with all that was written, or with any part of what was not flushed, blocks torn or whole, as an SD card may keep it.
The moments come from a seed; more of them lie where an update is in danger.

Each disk is mounted, which replays the journal of its file system, and guard and updater of this repository run on
it, boot after boot, until the box rests: services, boots and the network are played, files, snapshots and restores
are real. Then it takes one more update. Looked at from outside, every file with its mode, owner and attributes has to
be that of the release that the history names; the history has to tell of each update once, and the truth; all that
the updater had said on the console before the cut has to be on the disk; nothing may be left over, and the file system
has to be sound. The riskiest disks are booted for real, and take one more update there too.

\`\`\`sh
${['sh test/vm/blocks.sh', ...words].join(' ')}
\`\`\`

| in the journal | disks | flushed / all / some | half-way | ended old | ended new | lost |
| --- | --- | --- | --- | --- | --- | --- |
${rowsOf(disks).join('\n')}

"Half-way": files of neither release, or of both. What was booted:

${markdown(boots).split('\n').slice(0, -2).join('\n')}
**${verdictOf(disks, boots)}**
`;
}

function rowsOf(disks: readonly Replayed[]): string[] {
  return ['none', 'idle', ...updateSteps].flatMap((step) => {
    const own = disks.filter((one) => one.step === step);
    const count = (is: (one: Replayed) => boolean) => own.filter(is).length;
    const kinds = ['flushed', 'all', 'some'].map((kind) => count(({ point }) => point.what === kind)).join(' / ');
    const old = count((one) => !isLost(one) && one.version === String(factory.version));
    const lost = count(isLost);
    const half = count(({ release }) => release === 'half');
    return own.length === 0
      ? []
      : [`| ${[step, own.length, kinds, half, old, own.length - old - lost, lost].join(' | ')} |`];
  });
}
