import { UpdateError } from '../../protocol/errors.ts';
import { tufFolderOf } from '../asked.ts';
import { channelOf } from '../facts.ts';
import { pemsAfter, pinnedKeyPems } from '../keys.ts';
import type { Step } from '../machine.ts';
import { makeRoom } from '../space.ts';
import { packageFiles } from './package-files.ts';
import { proofOf } from './verify.ts';

/** Takes what was unpacked while it was verified into use, in a fresh private folder. */
export const unpack: Step<'unpack'> = {
  resume: (at) => at,

  async run(at, tools) {
    const { worker, config, places, show, cancelled } = tools;
    const { values } = await config();
    const files = packageFiles(places, values, at.update.to);
    // What was judged lies there already: only the reserve has to be left.
    await makeRoom(tools, [{ folder: files.folder, bytes: 0, inodes: 0 }]);
    await worker.do(
      'unpack',
      {
        ...(await proofOf(at.update, tools)),
        path: files.verified,
        signaturePath: files.signature,
        stagingPath: files.staged,
        reserveBytes: values.reserve_bytes,
        // A key that the release brings may be the one that signed it.
        keyPems: [
          ...(await pinnedKeyPems(places, values, channelOf(at.update))),
          ...(channelOf(at.update) === 'detached' ? await pemsAfter(places, values, at.release.keyLinks) : []),
        ],
        tufDir: tufFolderOf(places, values).dir,
        version: at.update.to,
        sha256: at.release.sha256,
        maxUnpackedBytes: values.max_unpacked_bytes,
        maxEntries: values.max_entries,
        folder: files.unpacked,
        top: files.top,
      },
      { report: show, signal: cancelled },
    );
    worker.close();
    if (cancelled.aborted) throw new UpdateError('CANCELLED', 'The update was cancelled.');
    return { ...at, step: 'snapshot' };
  },
};
