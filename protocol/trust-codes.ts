/** The codes of what publishers sign beside packages: keys, indexes, metadata. Part of the table in error-codes.ts. */
export const trustCodes = {
  KEY_MISMATCH: {
    exit: 4,
    meaning: 'the key is another than the one that was expected',
    todo: 'do not pin it; ask the publisher for the fingerprint',
  },
  KEYS_REFUSED: {
    exit: 4,
    meaning: 'the keys that come and go with the release do not follow from those that this box trusts',
    todo: 'ask the publisher; "opq-updater keys list" shows what this box trusts',
  },
  METADATA_REFUSED: {
    exit: 4,
    meaning: 'the signed metadata of the server does not hold',
    todo: 'do not install anything from it; ask the publisher',
  },
  METADATA_EXPIRED: {
    exit: 4,
    meaning: 'the signed metadata of the server holds no more',
    todo: 'have the publisher sign it again: "opq-release tuf refresh"',
  },
  CLOCK_WRONG: {
    exit: 5,
    meaning: 'the clock of the box is wrong, so nobody can tell here whether signed metadata still holds',
    todo: 'check the network and its time server; nothing is wrong with the release',
  },
} as const;
