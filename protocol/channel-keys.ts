import * as z from 'zod';
import { absolutePath, key } from './config-key.ts';

/** Where releases may come from: the rows of daemon/channel/channel.ts. */
export const channelNames = ['detached', 'tuf'] as const;
export type ChannelName = (typeof channelNames)[number];

/** How releases come to a box: part of the table in config-keys.ts. */
export const channelKeys = {
  channel: key({
    type: z.enum(channelNames),
    default: 'detached',
    expected: channelNames.map((name) => `"${name}"`).join(' or '),
    meaning:
      'How releases come to this box. "detached": a package with a signature beside it. "tuf": by the metadata of The ' +
      'Update Framework, from a static site at server_url. One never stands in for the other.',
  }),
  tuf_root_path: key({
    type: absolutePath,
    default: '/etc/opq-updater/tuf_root.json',
    expected: 'an absolute path',
    meaning: 'With channel "tuf": the publisher\'s root metadata as it was pinned at installation.',
  }),
  version_file: key({
    type: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/),
    default: 'version.json',
    expected: 'a file name',
    meaning: 'Name of the release file on the server.',
  }),
} as const;
