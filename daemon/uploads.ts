import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { UploadView } from '../protocol/box-views.ts';
import { faultOf } from '../protocol/control.ts';
import { asUpdateError, UpdateError } from '../protocol/errors.ts';
import type { Input } from '../protocol/operations.ts';
import * as s from '../protocol/schema.ts';
import { decodeSignature } from '../protocol/signature.ts';
import { versionOfPackageName } from '../protocol/version.ts';
import { exists, privateFolder, readIfThere, remove, writeFileSafely } from './files.ts';
import { checkFloor, readFloor } from './floor.ts';
import { spaceFactor } from './gates/release-rows.ts';
import { pinnedKeyPems } from './keys.ts';
import { keptBytes, needSpace } from './space.ts';
import type { Resident } from './tools.ts';
import { appendUpload, judgeUpload, uploadFiles } from './upload-file.ts';

/** A package that a person brings over the page: comes in pieces, is judged, and waits for somebody to install it. */
export interface Uploads {
  view(): UploadView | null;
  /** @throws UpdateError what can be told before a byte is sent: BUSY, SIZE_MISMATCH, SIGNATURE_INVALID, NO_TRUSTED_KEYS, DOWNGRADE_REFUSED, DISK_FULL */
  begin(announced: Input<'upload_begin'>): Promise<UploadView>;
  /** Ends what still arrives of an earlier one. @throws UpdateError NOT_FOUND, SIZE_MISMATCH, DISK_FULL */
  put(offset: number, bytes: Readable): Promise<UploadView>;
  /** @throws UpdateError BUSY */
  discard(): Promise<boolean>;
  /** Path of the package that was found good. @throws UpdateError NOT_FOUND */
  ready(version: number): string;
  stop(): void;
}

/** Kept in memory: what a reboot leaves of an upload is removed. */
const knownSchema = s.object({
  folder: s.string(),
  announced: s.object({ name: s.string(), size_bytes: s.number(), signature: s.string() }),
  state: s.picklist(['receiving', 'judging', 'ready', 'refused']),
  fault: s.unknown(),
  release: s.unknown(),
});
interface Known {
  readonly folder: string;
  readonly announced: Input<'upload_begin'>;
  readonly state: UploadView['state'];
  readonly fault: UploadView['fault'];
  readonly release: UploadView['release'];
}

/** Takes up what an earlier daemon of this boot had. */
export async function openUploads(
  tools: Resident,
  { changed, resting }: { changed(): void; resting(): boolean },
): Promise<Uploads> {
  const { places, config, log } = tools;
  const file = join(places.run, 'upload.json');
  let known: Known | undefined = await read(file);
  let receivedBytes = 0;
  let arriving: { readonly bytes: Readable; readonly over: Promise<void> } | undefined;
  let judging = new AbortController();

  const view = (): UploadView | null => {
    if (!known) return null;
    const { announced, state, fault, release } = known;
    const { name, size_bytes } = announced;
    const version = versionOfPackageName(name)!;
    return { name, version, size_bytes, received_bytes: receivedBytes, state, fault, release };
  };

  async function keep(next: Known): Promise<void> {
    known = next;
    await writeFileSafely(file, JSON.stringify(next));
    changed();
  }

  async function forget(): Promise<void> {
    judging.abort();
    const folder = known?.folder ?? join(places.at((await config()).values.download_dir_path), 'upload');
    known = undefined;
    receivedBytes = 0;
    await remove(file);
    if (await exists(folder)) {
      // Nothing is removed through a link that others may have put there.
      await privateFolder(dirname(folder));
      await remove(folder);
    }
    changed();
  }

  async function judge(arrived: Known): Promise<void> {
    judging = new AbortController();
    const { signal } = judging;
    await keep({ ...arrived, state: 'judging' });
    try {
      const release = await judgeUpload(arrived.folder, arrived.announced.name, tools, signal);
      if (signal.aborted) return;
      log.info('uploaded and found good', { package: arrived.announced.name, signed_by: release.signed_by });
      await keep({ ...arrived, state: 'ready', release });
    } catch (thrown) {
      if (signal.aborted) return;
      const error = asUpdateError(thrown);
      log.error('the uploaded package was refused', error, { package: arrived.announced.name });
      await remove(arrived.folder);
      await keep({ ...arrived, state: 'refused', fault: faultOf(error) });
    }
  }
  const judgeBeside = (arrived: Known) =>
    void judge(arrived).catch((error) => log.error('the upload cannot be judged', asUpdateError(error)));

  function refuseInUpdate(): void {
    if (!resting()) throw new UpdateError('BUSY', 'The uploaded package stays as it is while an update runs.');
  }
  function refuseBusy(): void {
    refuseInUpdate();
    if (arriving) throw new UpdateError('BUSY', 'Bytes of the package are arriving right now.');
  }

  /** Over a line that was lost without a word they would seem to arrive for a minute more: who comes later goes on. */
  async function endArriving(): Promise<void> {
    while (arriving) {
      arriving.bytes.destroy();
      await arriving.over;
    }
  }

  async function append(bytes: Readable, to: Known): Promise<void> {
    const { name, size_bytes } = to.announced;
    try {
      await appendUpload(uploadFiles(to.folder, name).unverified, bytes, {
        offset: receivedBytes,
        sizeBytes: size_bytes,
        arrived(total) {
          receivedBytes = total;
          changed();
        },
      });
    } finally {
      arriving = undefined;
    }
    if (receivedBytes === size_bytes) judgeBeside(to);
  }

  const isKnown = (announced: Input<'upload_begin'>): boolean =>
    known !== undefined && known.state !== 'refused' && JSON.stringify(known.announced) === JSON.stringify(announced);

  /** All that can be known before the bytes come. */
  async function refuseEarly({ name, size_bytes, signature }: Input<'upload_begin'>, folder: string): Promise<void> {
    const { values } = await config();
    const most = values.max_package_bytes;
    if (size_bytes > most)
      throw new UpdateError('SIZE_MISMATCH', `${name} has ${size_bytes} bytes, more than max_package_bytes ${most}.`);
    decodeSignature(signature);
    await pinnedKeyPems(places, values);
    const to = versionOfPackageName(name)!;
    checkFloor({ to, allowDowngrade: false }, await readFloor(places, values));
    // Like a download, and once more: the update works on a copy. The kept release may have to go for it then.
    const inAll = size_bytes * (spaceFactor + 1) - (await keptBytes(places, folder));
    await needSpace(tools, [{ folder, bytes: Math.max(inAll, size_bytes), inodes: 10 }]);
  }

  if (!known) await forget().catch((error) => log.error('what was uploaded before is not removed', error));
  else if (known.state !== 'refused')
    receivedBytes = (await uploadFiles(known.folder, known.announced.name).sizes()) ?? 0;
  // All there, and the verdict is not: the daemon ended in between.
  const owed = known && (known.state === 'receiving' || known.state === 'judging');
  if (known && owed && receivedBytes === known.announced.size_bytes) judgeBeside(known);

  return {
    view,
    async begin(announced) {
      if (isKnown(announced)) await endArriving();
      refuseBusy();
      if (isKnown(announced)) return view()!;
      const downloads = places.at((await config()).values.download_dir_path);
      await forget();
      await privateFolder(downloads);
      const folder = join(downloads, 'upload');
      await refuseEarly(announced, folder);
      await privateFolder(folder);
      await uploadFiles(folder, announced.name).create(announced.signature);
      await keep({ folder, announced, state: 'receiving', fault: null, release: null });
      return view()!;
    },
    async put(offset, bytes) {
      await endArriving();
      const to = known;
      if (to?.state !== 'receiving') throw new UpdateError('NOT_FOUND', 'No package is announced, or it is all there.');
      if (offset !== receivedBytes)
        throw new UpdateError(
          'SIZE_MISMATCH',
          `Expected bytes from ${receivedBytes} on, found them from ${offset} on.`,
        );
      const appended = append(bytes, to);
      arriving = { bytes, over: appended.catch(() => {}) };
      await appended;
      return { ...view()!, state: receivedBytes === to.announced.size_bytes ? 'judging' : 'receiving' };
    },
    async discard() {
      refuseInUpdate();
      await endArriving();
      const had = known !== undefined;
      await forget();
      return had;
    },
    ready(version) {
      if (known?.state === 'ready' && versionOfPackageName(known.announced.name) === version)
        return uploadFiles(known.folder, known.announced.name).verified;
      throw new UpdateError('NOT_FOUND', `No package of ${version} was uploaded and found good.`);
    },
    stop: () => judging.abort(),
  };
}

async function read(file: string): Promise<Known | undefined> {
  try {
    const known = s.parse(knownSchema, JSON.parse((await readIfThere(file)) ?? 'null')) as Known;
    return (await exists(known.folder)) || known.state === 'refused' ? known : undefined;
  } catch {
    return undefined; // none, or another version's: it is sent again
  }
}
