import type { OperationName } from '../../protocol/operations.ts';

/** Where the operations are that the page asks for, below `/api`; the table itself would bring its checker along. */
export const paths = {
  check: '/check',
  install: '/install',
  components: '/components',
  upgrade: '/upgrade',
  cancel: '/cancel',
  rollback: '/rollback',
  gates: '/gates',
  postpone: '/postpone',
  undo_plan: '/undo-plan',
  history: '/history',
  facts: '/facts',
  settings: '/settings',
  settings_set: '/settings/set',
  upload: '/upload',
  upload_begin: '/upload/begin',
  upload_put: '/upload',
  upload_discard: '/upload/discard',
  upload_install: '/upload/install',
  bundle: '/bundle',
  keys: '/keys',
} as const satisfies Partial<Record<OperationName, string>>;

export type Asked = keyof typeof paths;
export const pathOf = (name: Asked): string => `/api${paths[name]}`;
