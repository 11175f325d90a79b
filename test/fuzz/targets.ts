import type { Target } from './target.ts';
import { archive } from './targets/archive.ts';
import { config } from './targets/config.ts';
import { control } from './targets/control.ts';
import { downloads } from './targets/download.ts';
import { releaseFile } from './targets/release-file.ts';
import { updateJson } from './targets/update-json.ts';
import { version } from './targets/version.ts';

/** Everything that reads what others write. */
export const targets: readonly Target[] = [releaseFile, updateJson, version, config, archive, control, downloads];
