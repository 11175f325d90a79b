/** The error codes of builds on demand: part of the table in error-codes.ts. */
export const componentCodes = {
  COMPONENT_REFUSED: { exit: 4, meaning: 'a component is not as the signed index has it', todo: 'do not install it' },
  INDEX_EXPIRED: {
    exit: 4,
    meaning: 'the component index holds no more',
    todo: 'have the publisher sign it again; check the clock of the box',
  },
  BUILDER_UNKNOWN: {
    exit: 4,
    meaning: 'the image is as its server made it, but by a builder that is not pinned on this box',
    todo: 'do not install it; ask the publisher which builder is in use',
  },
  COMPONENT_UNKNOWN: {
    exit: 2,
    meaning: 'there is no such component for this box',
    todo: 'see which there are: "opq-updater components"',
  },
  COMPONENTS_CONFLICT: {
    exit: 2,
    meaning: 'the components do not go together',
    todo: 'choose others: "opq-updater components" shows which need and exclude which',
  },
  SAME_COMPONENTS: {
    exit: 5,
    meaning: 'the box has this release with exactly these components',
    todo: 'nothing',
  },
  BUILD_FAILED: {
    exit: 3,
    meaning: 'the server could not build the update',
    todo: 'tell the publisher; the log of the build is on the server',
  },
} as const;
