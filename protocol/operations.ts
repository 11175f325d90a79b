import { hasReadableLogin } from './address.ts';
import { componentNamePattern } from './component.ts';
import * as s from './schema.ts';
import { isReleaseVersion, versionOfPackageName } from './version.ts';

export const maxRequestBytes = 64 * 1024;

/** Seconds for which a person may hold updates back at a time: a postponement must not be forgotten for good. */
export const longestPostponementS = 14 * 86_400;

export interface Operation<T extends s.Schema = s.Schema> {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly page: boolean;
  readonly input: T;
  readonly about: string;
}
const operation = <T extends s.Schema>(row: Operation<T>): Operation<T> => row;

/** Keys of the configuration that a person may set on the page. */
export const pageSettings = ['schedule', 'auto_install', 'window'] as const;

const nothing = s.strictObject({});
/** Asked without more, by the page as well. */
const asked = { method: 'GET', page: true, input: nothing } as const;
const flag = s.optional(s.boolean(), false);
const version = s.number(s.check(isReleaseVersion, 'expected a release version'));
const names = s.array(s.string(s.regex(componentNamePattern)), s.maxLength(500));
const absolutePath = s.string(s.maxLength(4096), s.startsWith('/'));

const isWebAddress = (text: string) => /^https?:/.test(text) && URL.canParse(text);

/** The table of protocol/control.ts, row by row. */
export const operations = {
  status: operation({ method: 'GET', path: '/status', page: true, input: nothing, about: 'Everything at a glance' }),
  events: operation({ method: 'GET', path: '/events', page: true, input: nothing, about: 'Stream of changes' }),
  check: operation({
    method: 'POST',
    path: '/check',
    page: true,
    input: s.strictObject({ install: flag }),
    about: 'Asks the server what is newest; with install, goes on as the schedule would',
  }),
  install: operation({
    method: 'POST',
    path: '/install',
    page: true,
    input: s.strictObject({ version: s.optional(version), retry: flag }),
    about: 'Begins an update to the release that the server offers (retry: even one that failed here before)',
  }),
  components: operation({
    ...asked,
    path: '/components',
    about: 'The components that run here, and those that the server could build an update of',
  }),
  upgrade: operation({
    method: 'POST',
    path: '/upgrade',
    page: true,
    input: s.strictObject({
      only: s.optional(s.nullable(names), null),
      add: s.optional(names, []),
      remove: s.optional(names, []),
      retry: flag,
    }),
    about: 'Has an update built of the components that run here, or of `only` these, and begins it',
  }),
  install_file: operation({
    method: 'POST',
    path: '/install-file',
    page: false,
    input: s.strictObject({ path: absolutePath, retry: flag, allow_downgrade: flag }),
    about: 'Begins an update from a package and its .sig on the box',
  }),
  cancel: operation({
    method: 'POST',
    path: '/cancel',
    page: true,
    input: nothing,
    about: 'Ends the update under way while nothing has been changed yet',
  }),
  rollback: operation({
    method: 'POST',
    path: '/rollback',
    page: true,
    input: nothing,
    about: 'Puts the earlier release back',
  }),
  gates: operation({ ...asked, path: '/gates', about: 'Every condition that may hold updates back, looked at now' }),
  postpone: operation({
    method: 'POST',
    path: '/postpone',
    page: true,
    input: s.strictObject({
      for_s: s.int(s.minValue(0), s.maxValue(longestPostponementS)),
      reason: s.optional(s.string(s.trim(), s.maxLength(200)), ''),
    }),
    about: 'Holds automatic updates back for a while (0 ends that)',
  }),
  undo_plan: operation({
    ...asked,
    path: '/undo-plan',
    about: 'What rollback would do now: restore, keep aside, leave',
  }),
  history: operation({
    method: 'GET',
    path: '/history',
    page: true,
    input: s.strictObject({ limit: s.optional(s.intInText(s.minValue(1), s.maxValue(200)), 20) }),
    about: 'Past updates, newest first',
  }),
  log: operation({
    method: 'GET',
    path: '/log',
    page: true,
    input: s.strictObject({
      lines: s.optional(s.intInText(s.minValue(0), s.maxValue(2000)), 100),
      follow: s.optional(s.flagInText(), 'false'),
    }),
    about: 'Last lines of the log; with follow, a stream',
  }),
  facts: operation({
    ...asked,
    path: '/facts',
    about: 'The box itself: model, temperature, memory, disk, network, services, and its last day',
  }),
  settings: operation({
    ...asked,
    path: '/settings',
    about: 'What the page may set, with where each value comes from',
  }),
  settings_set: operation({
    method: 'POST',
    path: '/settings/set',
    page: true,
    input: s.strictObject({
      schedule: s.optional(s.nullable(s.string(s.maxLength(200)))),
      auto_install: s.optional(s.boolean()),
      window: s.optional(s.nullable(s.string(s.maxLength(20)))),
      reset: s.optional(s.array(s.picklist(pageSettings), s.maxLength(pageSettings.length)), []),
    }),
    about: 'Sets these over the configuration file; reset = as that file says again',
  }),
  upload: operation({
    ...asked,
    path: '/upload',
    about: 'The package that a person brings, and what has become of it; null when there is none',
  }),
  upload_begin: operation({
    method: 'POST',
    path: '/upload/begin',
    page: true,
    input: s.strictObject({
      name: s.string(s.check((name) => versionOfPackageName(name) !== undefined, 'expected the name of a package')),
      size_bytes: s.int(s.minValue(1), s.maxValue(2 ** 40)),
      signature: s.string(s.minLength(1), s.maxLength(4096)),
    }),
    about: 'Announces a package with its signature, and asks for its space; the same again goes on with it',
  }),
  upload_put: operation({
    method: 'PUT',
    path: '/upload',
    page: true,
    input: s.strictObject({ offset: s.intInText(s.minValue(0)) }),
    about: 'Bytes of the package from an offset on, as one raw stream; judged by themselves once all are there',
  }),
  upload_discard: operation({
    method: 'POST',
    path: '/upload/discard',
    page: true,
    input: nothing,
    about: 'Forgets the package that a person brought',
  }),
  upload_install: operation({
    method: 'POST',
    path: '/upload/install',
    page: true,
    input: s.strictObject({ version, retry: flag }),
    about: 'Begins an update from the package that a person brought, once it was found good',
  }),
  bundle: operation({
    ...asked,
    path: '/bundle',
    about: 'Everything that whoever helps wants to know, in one document without secrets',
  }),
  doctor: operation({
    method: 'GET',
    path: '/doctor',
    page: false,
    input: nothing,
    about: 'Everything that an update needs, looked at now',
  }),
  keys: operation({ method: 'GET', path: '/keys', page: true, input: nothing, about: 'The pinned keys' }),
  key_fetch: operation({
    method: 'POST',
    path: '/keys/fetch',
    page: false,
    input: s.strictObject({
      url: s.string(
        s.maxLength(2000),
        s.check(isWebAddress, 'expected an http or https address'),
        s.check(hasReadableLogin, 'expected a login that can be read'),
      ),
    }),
    about: 'Fetches a key for a person to compare its fingerprint; pins nothing',
  }),
  key_add: operation({
    method: 'POST',
    path: '/keys/add',
    page: false,
    input: s.strictObject({
      pem: s.string(s.maxLength(16_384)),
      name: s.string(s.regex(/^[a-z0-9][a-z0-9._-]{0,62}$/)),
      builder: flag,
    }),
    about: 'Pins a public key under a name, of a publisher or of a builder',
  }),
  key_remove: operation({
    method: 'POST',
    path: '/keys/remove',
    page: false,
    input: s.strictObject({ name: s.string(s.minLength(1), s.maxLength(100)), builder: flag }),
    about: 'Unpins a key of a publisher or of a builder, by its name or fingerprint',
  }),
  config: operation({
    method: 'GET',
    path: '/config',
    page: false,
    input: nothing,
    about: 'Every key with its value and where that comes from, and what is wrong',
  }),
  config_set: operation({
    method: 'POST',
    path: '/config/set',
    page: false,
    input: s.strictObject({ key: s.string(s.maxLength(100)), value: s.unknown() }),
    about: 'Writes one key of the configuration file (null with an optional key removes it)',
  }),
} as const;

export type OperationName = keyof typeof operations;
export type Input<K extends OperationName> = s.Output<(typeof operations)[K]['input']>;
