import * as z from 'zod';
import { key } from './config-key.ts';

/** Where releases may come from: the rows of daemon/channel/channel.ts. */
export const channelNames = ['detached'] as const;
export type ChannelName = (typeof channelNames)[number];

/** How releases come to a box: part of the table in config-keys.ts. */
export const channelKeys = {
  channel: key({
    type: z.enum(channelNames),
    default: 'detached',
    expected: channelNames.map((name) => `"${name}"`).join(' or '),
    meaning: 'How releases come to this box; "detached": a package with a signature beside it.',
  }),
  version_file: key({
    type: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/),
    default: 'version.json',
    expected: 'a file name',
    meaning: 'Name of the release file on the server.',
  }),
} as const;
