import { absolutePath, key, url } from './config-key.ts';
import * as s from './schema.ts';

/** Where releases may come from: the rows of daemon/channel/channel.ts. */
export const channelNames = ['detached', 'attended', 'tuf'] as const;
export type ChannelName = (typeof channelNames)[number];

/** How releases come to a box: part of the table in config-keys.ts. */
export const channelKeys = {
  channel: key({
    type: s.picklist(channelNames),
    default: 'detached',
    expected: channelNames.map((name) => `"${name}"`).join(' or '),
    meaning:
      'How releases come to this box. "detached": a package with a signature beside it. "attended": built on demand ' +
      'from the components that this box has or is to have. "tuf": by the metadata of The Update Framework, from a ' +
      'static site at server_url. One never stands in for the other.',
  }),
  attended_url: key({
    type: s.nullable(url),
    default: null,
    address: true,
    expected: 'null or a URL that begins with http:// or https://',
    meaning: 'Where the server of builds on demand is, with channel "attended"; null = at server_url.',
  }),
  builder_keys_path: key({
    type: absolutePath,
    default: '/etc/opq-updater/builder-keys',
    expected: 'an absolute path',
    meaning:
      'Folder of the pinned public keys of builders, one .pem file each. With channel "attended" an image needs the ' +
      'signature of one of them; the index of its components needs that of a key in trusted_keys_path.',
  }),
  tuf_root_path: key({
    type: absolutePath,
    default: '/etc/opq-updater/tuf_root.json',
    expected: 'an absolute path',
    meaning: 'With channel "tuf": the publisher\'s root metadata as it was pinned at installation.',
  }),
  version_file: key({
    type: s.string(s.regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/)),
    default: 'version.json',
    expected: 'a file name',
    meaning: 'Name of the release file on the server.',
  }),
} as const;
