import { join } from 'node:path';
import type { Config } from '../../protocol/config-keys.ts';
import { packageFolder, packageName } from '../../protocol/version.ts';
import type { Places } from '../places.ts';

/** Where the files of one release lie in the private download folder. */
export function packageFiles(places: Places, config: Config, version: number) {
  const folder = places.at(config.download_dir_path);
  const verified = join(folder, packageName(version));
  const unpacked = join(folder, `${packageFolder(version)}.unpacked`);
  return {
    folder,
    /** As it came. */
    unverified: `${verified}.unverified`,
    signature: `${verified}.sig`,
    /** What an image is proven by; its own signature beside it as `.sig`. */
    index: `${verified}.index.json`,
    /** The name that it gets once its signature held. */
    verified,
    /** What is unpacked while it is judged. */
    staged: join(folder, `${packageFolder(version)}.staged`),
    unpacked,
    top: packageFolder(version),
    /** Where install_update.sh is. */
    contents: join(unpacked, packageFolder(version)),
  };
}
