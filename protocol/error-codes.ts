import { componentCodes } from './component-codes.ts';
import { trustCodes } from './trust-codes.ts';

/**
 * Every error that the updater raises on purpose: one code, one exit code of the command line, what it means and
 * what a person does about it. The messages of the page, the command line and the documentation come from here.
 */
export const errorCodes = {
  INTERNAL: { exit: 1, meaning: 'something happened that the updater did not expect', todo: 'send the log' },

  USAGE: { exit: 2, meaning: 'the command line is not understood', todo: 'see --help' },
  CONFIG_INVALID: {
    exit: 2,
    meaning: 'the configuration has errors; new updates wait until it is mended',
    todo: 'put right what is named; "opq-updater config reference" tells what each key may be',
  },
  NOT_FOUND: { exit: 2, meaning: 'what was asked for is not there', todo: 'check the name or path' },

  SERVER_UNREACHABLE: {
    exit: 3,
    meaning: 'no answer from the update server',
    todo: 'check network and server_url; the box tries again by itself',
  },
  SERVER_ERROR: {
    exit: 3,
    meaning: 'the update server answered, but not with what was asked for',
    todo: 'look at the server; the box tries again by itself',
  },
  NOT_OUR_SERVER: {
    exit: 3,
    meaning: 'something else answers in place of the update server, such as the log-in page of a Wi-Fi',
    todo: 'check server_url and the network',
  },
  TLS_FAILED: {
    exit: 3,
    meaning: 'the certificate of the update server does not hold',
    todo: 'check the clock, server_url and server_ca_path',
  },
  STALLED: {
    exit: 3,
    meaning: 'the download became too slow to finish',
    todo: 'nothing; it goes on where it stopped at the next try',
  },
  SIZE_MISMATCH: {
    exit: 3,
    meaning: 'the server sent more or fewer bytes than announced',
    todo: 'look at the server; the box tries again by itself',
  },
  RELEASE_FILE_INVALID: {
    exit: 3,
    meaning: 'the release file on the server cannot be read',
    todo: 'publish again with opq-release',
  },

  NO_TRUSTED_KEYS: {
    exit: 4,
    meaning: 'no key is pinned on this box, so no update can be trusted',
    todo: 'pin the publisher\'s key: "opq-updater keys add FILE"',
  },
  KEY_INVALID: {
    exit: 4,
    meaning: 'a key is not a public RSA key of 2048 bits or more or an ECDSA P-256 key',
    todo: 'to trust a publisher give their public_key.pem; to sign, the private_key.pem of "opq-release keygen"',
  },
  SIGNATURE_MISSING: {
    exit: 4,
    meaning: 'the package comes without a signature',
    todo: 'publish it with opq-release; keep the .sig beside the package',
  },
  SIGNATURE_INVALID: {
    exit: 4,
    meaning: 'no pinned key made this signature for this package',
    todo: 'do not install it; see whether package and signature belong together, and which key the publisher uses',
  },
  ARCHIVE_CORRUPT: {
    exit: 4,
    meaning: 'the package is not one whole bzip2-packed tar archive',
    todo: 'build it again with "opq-release build"',
  },
  ARCHIVE_REFUSED: {
    exit: 4,
    meaning: 'the archive holds something that an update package may not hold',
    todo: 'its publisher corrects what is named, and builds it again with "opq-release build"',
  },
  VERSION_MISMATCH: {
    exit: 4,
    meaning: 'the version inside the package is another than the one offered',
    todo: 'publish the right package; its name is part of it',
  },
  DOWNGRADE_REFUSED: {
    exit: 4,
    meaning: 'the release is older than the lowest version that this box accepts',
    todo: 'publish a newer one; root can force it with "install FILE --allow-downgrade"',
  },
  HARDWARE_MISMATCH: {
    exit: 4,
    meaning: 'the release is for other hardware',
    todo: 'publish a release for this hardware',
  },
  VERSION_IN_FUTURE: {
    exit: 4,
    meaning: 'the release claims to be made more than a day from now',
    todo: 'check the clock of the box and the version of the release',
  },
  PATH_NOT_UNDOABLE: {
    exit: 4,
    meaning: 'the release wants to write where the updater could not put things back',
    todo: 'keep the release within the writable paths',
  },
  ...trustCodes,
  ...componentCodes,
  UNSAFE_FOLDER: {
    exit: 4,
    meaning: 'a working folder of the updater is a link, or others may write to it',
    todo: 'look who did that; then remove it or set owner and mode right',
  },

  BUSY: { exit: 5, meaning: 'an update is under way', todo: 'wait for its end, or cancel it' },
  GATE_CLOSED: { exit: 5, meaning: 'a condition holds updates back', todo: 'see the page, or "opq-updater why"' },
  ASK_FIRST: {
    exit: 5,
    meaning: 'the box installs only what a person asks for',
    todo: 'install it by the page or by "opq-updater install", or set "auto_install" to true',
  },
  POSTPONED: {
    exit: 5,
    meaning: 'a person has postponed updates',
    todo: 'wait for its end, or end it: by the page, or "opq-updater postpone --end"',
  },
  STUCK: {
    exit: 5,
    meaning: 'an undo could not be finished, so the box may be of two releases',
    todo: 'publish a newer release, or install a good package: by the page, or "opq-updater install FILE"',
  },
  POWER_LOW: {
    exit: 5,
    meaning: 'the supply voltage of the box is too low',
    todo: 'look at the power supply and its cable',
  },
  TOO_HOT: { exit: 5, meaning: 'the box is too hot', todo: 'wait until it has cooled down; look at its ventilation' },
  PACKAGES_BUSY: { exit: 5, meaning: 'dpkg or apt changes the box', todo: 'wait for its end' },
  CLOCK_UNKNOWN: {
    exit: 5,
    meaning: 'the box does not know the time of day that a condition needs',
    todo: 'check the network; a person may install at any time',
  },
  ROOT_NOT_PERSISTENT: {
    exit: 5,
    meaning: 'changes to the root file system would be gone after a reboot',
    todo: 'switch the read-only or overlay root off before updates',
  },
  BACK_OFF: {
    exit: 5,
    meaning: 'after failures the box waits before it tries again',
    todo: 'wait, or start it by hand',
  },
  DISK_FULL: { exit: 5, meaning: 'not enough free space for the update', todo: 'free some space' },
  DISK_FAILED: {
    exit: 5,
    meaning: 'the disk cannot be read or written',
    todo: 'check the SD card and whether its file system is mounted read-only',
  },
  QUARANTINED: {
    exit: 5,
    meaning: 'this release failed on this box before, or was undone while it was on trial',
    todo: 'wait for a newer one, or install it all the same: by the page, or "opq-updater install --retry"',
  },
  UNDONE: {
    exit: 5,
    meaning: 'this release was undone on this box, which does not take it again by itself',
    todo: 'wait for a newer one, or install it again: by the page, or "opq-updater install"',
  },
  CANCELLED: { exit: 5, meaning: 'a person cancelled the update', todo: 'nothing' },
  NOTHING_OFFERED: { exit: 5, meaning: 'the server offers no release', todo: 'publish one' },
  NOTHING_TO_UNDO: { exit: 5, meaning: 'there is no earlier release to go back to', todo: 'nothing' },
  SERVICE_NOT_STOPPED: {
    exit: 6,
    meaning: 'a service of the box did not stop, so the update was not installed',
    todo: 'look at that service',
  },
  SCRIPT_NOT_STARTED: { exit: 6, meaning: 'install_update.sh could not be started', todo: 'read the log' },
  SCRIPT_SHUT_DOWN: {
    exit: 6,
    meaning: 'the box was shut down before install_update.sh came to its end',
    todo: 'let install_update.sh reboot as the last thing it does, or not at all: the updater reboots by itself',
  },
  INSTALL_SCRIPT_FAILED: { exit: 6, meaning: 'install_update.sh failed', todo: 'read its output in the log' },
  INSTALL_TIMED_OUT: { exit: 6, meaning: 'install_update.sh took too long', todo: 'read its output in the log' },
  WRITE_FAILED: {
    exit: 6,
    meaning: 'install_update.sh could not write, though it reported success',
    todo: 'free space, or let update.json name the paths it writes',
  },
  WRONG_VERSION_INSTALLED: {
    exit: 6,
    meaning: 'after the installation VERSION names another release',
    todo: 'mend install_update.sh',
  },
  UPDATER_BROKEN: {
    exit: 6,
    meaning: 'the version of the updater that the release brought does not work on this box',
    todo: 'read the log; publish a release with one that works',
  },
  UPDATER_TAMPERED: { exit: 6, meaning: 'the release changed the updater itself', todo: 'mend install_update.sh' },
  HEALTH_FAILED: {
    exit: 6,
    meaning: 'after the reboot something that worked before did not',
    todo: 'tell the publisher what is named here: the release has to be mended',
  },
  NETWORK_LOST: { exit: 6, meaning: 'after the reboot the network did not come back', todo: 'look at the network' },
  REBOOT_FAILED: { exit: 6, meaning: 'the box could not be made to reboot', todo: 'reboot it by hand' },
  POWER_LOST: { exit: 6, meaning: 'power was lost in the middle', todo: 'nothing; the box put itself right' },
  DAEMON_DIED: { exit: 6, meaning: 'the updater ended in the middle', todo: 'send the log' },
  JOURNAL_UNREADABLE: {
    exit: 6,
    meaning: 'the record of what was under way cannot be read',
    todo: 'check the SD card; the bad file is kept',
  },
  TOO_MANY_TRIES: { exit: 6, meaning: 'a step was begun too often', todo: 'read the log' },
  GUARD_RESTORED: {
    exit: 6,
    meaning: 'the updater did not report in time, and the guard put the earlier release back',
    todo: 'read the history; mend the release',
  },
  ROLLED_BACK: { exit: 6, meaning: 'a person had the earlier release put back', todo: 'nothing' },
  SNAPSHOT_DAMAGED: {
    exit: 6,
    meaning: 'the copy of the earlier release is damaged; nothing was touched',
    todo: 'install a good package: by the page, or "opq-updater install FILE"',
  },
  RESTORE_FAILED: {
    exit: 6,
    meaning: 'the earlier release could not be put back in full',
    todo: 'wait ten minutes, as the box reboots to try again; then install a good package',
  },

  DAEMON_UNREACHABLE: { exit: 7, meaning: 'the daemon does not answer', todo: 'systemctl status opq-updater' },
  NOT_PERMITTED: { exit: 8, meaning: 'that is not allowed for this user', todo: 'use sudo' },
  REBOOT_PENDING: {
    exit: 9,
    meaning: 'installed; the box has yet to reboot and confirm it',
    todo: 'wait for the reboot',
  },
} as const satisfies Record<string, { exit: number; meaning: string; todo: string }>;

export type ErrorCode = keyof typeof errorCodes;

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(errorCodes, value);
