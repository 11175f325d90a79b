import { validate as isCronExpression } from 'node-cron';
import { channelKeys } from './channel-keys.ts';
import { absolutePath, type Key, key, url } from './config-key.ts';
import * as s from './schema.ts';
import { unitName } from './unit-name.ts';

const count = (min: number, max: number) => s.int(s.minValue(min), s.maxValue(max));
const bytes = count(1, 2 ** 40);

const GiB = 2 ** 30;
const MiB = 2 ** 20;

/** Every key of `/etc/opq/updater_config.json`: the schema, `config show` and the reference page are made from it. */
export const configKeys = {
  server_url: key({
    type: s.nullable(url),
    default: null,
    address: true,
    expected: 'null or a URL that begins with http:// or https://',
    meaning:
      'Where the update server is; null = nowhere, and the box takes only packages that a person brings. With http:// the signature still protects, but others can see the traffic. A name ' +
      'and a password in it (http://NAME:PASSWORD@HOST/) are shown to that server alone, and in no message or log.',
  }),
  ...channelKeys,
  download_dir_path: key({
    type: absolutePath,
    default: '/var/opq/updater/',
    expected: 'an absolute path',
    meaning: 'Private folder for downloads and unpacked packages. Others must not be able to write to it.',
  }),
  installed_version_path: key({
    type: absolutePath,
    default: '/usr/local/box-config-daemon/VERSION',
    expected: 'an absolute path',
    meaning: 'File that holds the installed version. Missing or unreadable counts as a first installation.',
  }),
  trusted_keys_path: key({
    type: absolutePath,
    default: '/etc/opq-updater/keys',
    expected: 'an absolute path',
    meaning: 'Folder of the pinned public keys, one .pem file each. An empty folder means no updates.',
  }),
  services: key({
    type: s.array(unitName, s.maxLength(64)),
    default: ['box-config-daemon.service'],
    expected: 'a list of unit names that end in .service',
    meaning: 'Stopped before the installation, checked after the reboot. A unit left out may run through an update.',
  }),
  writable_paths: key({
    type: s.array(absolutePath, s.minLength(1), s.maxLength(64)),
    default: ['/usr/local/box-config-daemon', '/etc/opq', '/etc/systemd/system'],
    expected: 'a list of absolute paths of folders',
    meaning: 'Folders that a release may change; a copy of each is made before. Large folders cost time and space.',
  }),
  preserve_paths: key({
    type: s.array(absolutePath, s.maxLength(64)),
    default: [],
    expected: 'a list of absolute paths',
    meaning: 'Kept as they are by an undo that a person asks for after an update was confirmed.',
  }),
  health_dir: key({
    type: absolutePath,
    default: '/etc/opq-updater/health.d',
    expected: 'an absolute path',
    meaning:
      'Folder of programs that are run after the reboot, as root. One that fails is run again every few seconds; one that ' +
      'still fails after five minutes, or at the end of the trial, has the earlier release put back.',
  }),
  gates_dir: key({
    type: absolutePath,
    default: '/etc/opq-updater/gates.d',
    expected: 'an absolute path',
    meaning:
      'Folder of programs that are asked before an update: exit 0 = go, 1 = not now, with the reason on standard output.',
  }),
  max_deferral_s: key({
    type: count(3600, 365 * 86_400),
    default: 14 * 86_400,
    expected: 'whole seconds from 3600 to 31536000',
    meaning: 'After so long, power, temperature, clock, dpkg and gates.d hold automatic updates back no more.',
  }),
  max_temperature_c: key({
    type: count(30, 120),
    default: 80,
    expected: 'a whole number from 30 to 120',
    meaning: 'Above this temperature of the processor, in degrees Celsius, the box does not update by itself.',
  }),
  health_stable_s: key({
    type: count(0, 3600),
    default: 30,
    expected: 'whole seconds from 0 to 3600',
    meaning: 'How long the services must run without a restart before an update is confirmed.',
  }),
  schedule: key({
    type: s.nullable(s.string(s.check((text) => text.trim().split(/\s+/).length === 5 && isCronExpression(text)))),
    default: '0 0 * * *',
    page: true,
    expected: 'null or a cron expression of five fields',
    meaning: 'When the box asks the server by itself, in local time; null = never, something else asks for it.',
  }),
  jitter_s: key({
    type: count(0, 86_400),
    default: 3600,
    expected: 'whole seconds from 0 to 86400',
    meaning: 'A delay of up to this is added to the schedule, another for each box, so that a fleet spreads out.',
  }),
  auto_install: key({
    type: s.boolean(),
    default: true,
    page: true,
    expected: 'true or false',
    meaning: 'Whether the box installs what the schedule finds; false = it only shows it.',
  }),
  window: key({
    type: s.nullable(s.string(s.regex(/^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$/))),
    default: null,
    page: true,
    expected: 'null or a time of day from-to such as "01:00-05:00"',
    meaning: 'Local time in which the box may install by itself; null = always. A person may install at any time.',
  }),
  hardware: key({
    type: s.nullable(s.string(s.minLength(1), s.maxLength(64))),
    default: null,
    expected: 'null or the name of the hardware such as "rpi/3"',
    meaning: 'What hardware this box is; null = read from the device tree.',
  }),
  minimum_version: key({
    type: count(0, 999_999_999_999),
    default: 0,
    expected: 'a whole number',
    meaning: 'No release below this is accepted, even if the box has lost its memory of what it ran.',
  }),
  trial_boots: key({
    type: count(1, 20),
    default: 3,
    expected: 'a whole number from 1 to 20',
    meaning: 'Boots on trial in which the updater may fail to report before the earlier release is put back.',
  }),
  trial_deadline_s: key({
    type: count(60, 86_400),
    default: 1800,
    expected: 'whole seconds from 60 to 86400',
    meaning: 'How long a boot on trial may take to be confirmed before the earlier release is put back.',
  }),
  trial_heartbeat_s: key({
    type: count(180, 86_400),
    default: 600,
    expected: 'whole seconds from 180 to 86400',
    meaning:
      'Silence of an updater on trial after which the guard puts the earlier release back; too short for a slow start ' +
      'undoes good releases.',
  }),
  script_timeout_s: key({
    type: count(1, 86_400),
    default: 600,
    expected: 'whole seconds from 1 to 86400',
    meaning: 'How long install_update.sh may run.',
  }),
  server_ca_path: key({
    type: s.nullable(absolutePath),
    default: null,
    expected: 'null or an absolute path',
    meaning: 'PEM file of the authorities to trust for https in place of the built-in ones.',
  }),
  proxy_url: key({
    type: s.nullable(url),
    default: null,
    address: true,
    expected: 'null or a URL that begins with http:// or https://',
    meaning: 'HTTP proxy through which the server is reached; a name and a password in it are never shown.',
  }),
  max_package_bytes: key({
    type: bytes,
    default: GiB / 2,
    expected: 'a whole number of bytes',
    meaning: 'A larger package is not downloaded.',
  }),
  max_unpacked_bytes: key({
    type: bytes,
    default: 2 * GiB,
    expected: 'a whole number of bytes',
    meaning: 'A package that unpacks to more is refused.',
  }),
  max_entries: key({
    type: count(1, 1_000_000),
    default: 20_000,
    expected: 'a whole number from 1 to 1000000',
    meaning: 'A package with more files and folders is refused.',
  }),
  min_bytes_per_s: key({
    type: count(0, 2 ** 30),
    default: 512,
    expected: 'a whole number of bytes',
    meaning: 'A download slower than this over a minute is broken off and begun again where it stopped.',
  }),
  max_download_s: key({
    type: count(60, 30 * 86_400),
    default: 86_400,
    expected: 'a whole number of seconds from 60 to 2592000',
    meaning:
      'A download that takes longer, with all its pauses, is given up; what is there is kept, and the next check goes ' +
      'on with it. So no server can hold the updater by sending just fast enough.',
  }),
  reserve_bytes: key({
    type: count(0, 2 ** 40),
    default: 64 * MiB,
    expected: 'a whole number of bytes',
    meaning: 'Free space that an update leaves untouched on every file system it uses.',
  }),
} as const;

export type ConfigKey = keyof typeof configKeys;
export const configKeyNames = Object.keys(configKeys) as ConfigKey[];

type Typed<K extends ConfigKey> = (typeof configKeys)[K] extends Key<infer T> ? s.Output<T> : never;
export type Config = { readonly [K in ConfigKey]: Typed<K> };
