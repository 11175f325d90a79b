import { join } from 'node:path';
import type { ErrorCode } from '../../protocol/error-codes.ts';
import { neverStarted, scriptEndName } from '../box/script-end.ts';
import { layRemovers, recordComponents } from '../components-on-box.ts';
import { channelOf } from '../facts.ts';
import type { At, Boot, Step } from '../machine.ts';
import { brokenSeal, takeSeal } from '../seal.ts';
import type { Tools } from '../tools.ts';
import { installedVersion, writeInstalledVersion } from '../version-on-box.ts';
import { bringUpdater } from './bring-updater.ts';
import { clearDownloads } from './clear-downloads.ts';
import { keepPackage } from './keep-package.ts';
import { noteAfter } from './note-after.ts';
import { packageFiles } from './package-files.ts';
import { rollbackBecause } from './rollback.ts';
import { scriptOutput } from './script-output.ts';

/** Runs the release's own install_update.sh, then proves that it did what it was for. */
export const install: Step<'install'> = {
  resume(at, boot) {
    const fault = boot.same
      ? { code: 'DAEMON_DIED' as const, message: 'The updater ended while install_update.sh ran.' }
      : faultAfterBoot(at, boot);
    // Some scripts reboot by themselves as the last thing they do.
    return fault ? rollbackBecause(at, { ...fault, step: 'install' }) : { ...at, step: 'reboot' };
  },

  async run(at, tools) {
    const { values } = await tools.config();
    const folder = packageFiles(tools.places, values, at.update.to).contents;
    // Before the script, as that may reboot by itself at its end.
    await bringUpdater(at, folder, tools);
    if (channelOf(at.update) === 'attended') await layRemovers(tools.places, values, at.release, folder);
    const output = scriptOutput(tools, at.paths);
    const end = await tools.box.runScript({
      folder,
      writablePaths: at.paths,
      timeoutMs: values.script_timeout_s * 1000,
      endFile: join(tools.places.trial, scriptEndName),
      onOutput: output.push,
    });
    const scriptTail = output.end();
    const fault =
      faultOf(end, output, values.script_timeout_s) ?? (await proveSeal(at, tools)) ?? (await proveVersion(at, tools));
    if (fault) return rollbackBecause({ ...at, scriptTail }, { ...fault, step: 'install' });
    const kept = output.kept();
    if (kept) tools.log.info('install_update.sh may empty this folder, not remove it: it was left', { folder: kept });
    await recordComponents(tools.places, values, at.update.to, at.release, folder);
    await noteAfter(tools);
    await keepPackage(at, tools);
    await clearDownloads(tools.places, values, { keep: null }).catch((error) =>
      tools.log.error('not cleared up', error),
    );
    await tools.box.sync();
    return { ...at, step: 'reboot', scriptTail };
  },
};

type FaultFound = { code: ErrorCode; message: string } | undefined;

/** What another boot finds of a script: only one that came to its end before an orderly shutdown did its work. */
function faultAfterBoot({ update }: At<'install'>, { shutdown, script, installed, tamperedWith }: Boot): FaultFound {
  // Whatever it wrote may be on the disk by half.
  if (shutdown === 'cut') return { code: 'POWER_LOST', message: 'The box lost power while install_update.sh ran.' };
  if (script === undefined || neverStarted(script)) {
    return { code: 'SCRIPT_NOT_STARTED', message: 'The box went down before install_update.sh was started.' };
  }
  if (script.exitCode !== 0) {
    const found = script.exitCode === null ? 'it was killed' : `it ended with ${script.exitCode}`;
    return { code: 'SCRIPT_SHUT_DOWN', message: `The box was shut down while install_update.sh ran: ${found}.` };
  }
  if (installed !== update.to) {
    const message = `The box was shut down after install_update.sh, and VERSION says ${installed ?? 'nothing'}, not ${update.to}.`;
    return { code: 'SCRIPT_SHUT_DOWN', message };
  }
  return tamperedWith.length > 0 ? tampered(tamperedWith) : undefined;
}

function faultOf(
  { exitCode, timedOut }: { exitCode: number | null; timedOut: boolean },
  { seen, kept }: Pick<ReturnType<typeof scriptOutput>, 'seen' | 'kept'>,
  timeoutS: number,
): FaultFound {
  if (timedOut)
    return { code: 'INSTALL_TIMED_OUT', message: `install_update.sh was still running after ${timeoutS} s.` };
  if (exitCode !== 0) {
    const found = exitCode === null ? 'was killed' : `ended with ${exitCode}`;
    const why = kept() ? ` It may empty ${kept()}, but not remove the folder itself: "rm -rf ${kept()}/*".` : '';
    return { code: 'INSTALL_SCRIPT_FAILED', message: `install_update.sh ${found}, expected 0.${why}` };
  }
  // Many scripts go on after a failed command and end with 0.
  if (seen()) return { code: 'WRITE_FAILED', message: `install_update.sh ended with 0, but said "${seen()}".` };
  return undefined;
}

/** A release that switches the updater off would be the last one that this box ever gets. */
async function proveSeal({ seal }: At<'install'>, tools: Tools): Promise<FaultFound> {
  const broken = brokenSeal(seal, await takeSeal(tools));
  return broken.length > 0 ? tampered(broken) : undefined;
}

const tampered = (broken: readonly string[]) => ({
  code: 'UPDATER_TAMPERED' as const,
  message: `install_update.sh changed what belongs to the updater: ${broken.join(', ')}.`,
});

/** VERSION must name the new release; one that the script left alone is written here. */
async function proveVersion(at: At<'install'>, { places, config, log }: Tools): Promise<FaultFound> {
  const { values } = await config();
  const found = await installedVersion(places, values);
  const { from, to } = at.update;
  if (found === to) return undefined;
  if (found !== undefined && found !== from) {
    return { code: 'WRONG_VERSION_INSTALLED', message: `VERSION says ${found}, the release is ${to}.` };
  }
  log.warn('install_update.sh left VERSION alone: it is written now', { version: to });
  await writeInstalledVersion(places, values, to);
  return undefined;
}
