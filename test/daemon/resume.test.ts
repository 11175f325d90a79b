import { expect, it } from 'vitest';
import { steps } from '../../daemon/engine.ts';
import type { At, Boot, Working } from '../../daemon/machine.ts';
import { anUpdate, aRelease, service } from '../support/fake-box.ts';
import { newVersion, oldVersion } from '../support/samples.ts';

const trial = {
  update: anUpdate,
  release: aRelease,
  paths: ['/etc/opq'],
  baseline: { [service]: 'active' as const },
  gateway: false,
  bootId: 'boot-1',
  stoppedAtMs: 1,
  scriptTail: [],
};
const undoing = {
  ...trial,
  because: { code: 'HEALTH_FAILED' as const, message: '', step: 'confirm' as const },
  scriptStarted: true,
  blame: true,
  stuckBoots: 0,
};
const positions: { [K in Working]: At<K> } = {
  download: { step: 'download', update: anUpdate },
  verify: { step: 'verify', update: anUpdate },
  unpack: { step: 'unpack', update: anUpdate, release: aRelease },
  snapshot: { step: 'snapshot', update: anUpdate, release: aRelease },
  stop: { step: 'stop', ...trial },
  install: { step: 'install', ...trial, seal: {} },
  reboot: { step: 'reboot', ...trial },
  confirm: { step: 'confirm', ...trial, cutBoots: 0 },
  undo: { step: 'undo', ...undoing },
  rollback: { step: 'rollback', ...undoing },
  restored: { step: 'restored', ...undoing },
};

const died: Boot = {
  same: true,
  onTrial: false,
  shutdown: 'orderly',
  installed: oldVersion,
  script: undefined,
  tamperedWith: [],
};
const cut: Boot = {
  same: false,
  onTrial: false,
  shutdown: 'cut',
  installed: oldVersion,
  script: undefined,
  tamperedWith: [],
};
const orderly: Boot = { ...cut, shutdown: 'orderly' };
const onTrial = { onTrial: true };
const newInstalled = { ...onTrial, installed: newVersion };
/** The script had come to its end. */
const finished = { ...newInstalled, script: { exitCode: 0, result: 'success' } };
const shutDown = { because: { code: 'SCRIPT_SHUT_DOWN' }, blame: false };
const notStarted = { because: { code: 'SCRIPT_NOT_STARTED' }, blame: false };

/** Step in which the daemon ended, how, and the step with which the next one goes on. */
const table: [string, keyof typeof positions, Boot, string, object?][] = [
  ['Killed_in_download', 'download', died, 'download'],
  ['Cut_in_download', 'download', cut, 'download'],
  ['Killed_in_verify', 'verify', died, 'verify'],
  ['Cut_in_verify', 'verify', cut, 'verify'],
  ['Killed_in_unpack', 'unpack', died, 'unpack'],
  ['Cut_in_unpack', 'unpack', cut, 'unpack'],
  ['Killed_in_snapshot', 'snapshot', died, 'snapshot'],
  ['Cut_in_snapshot', 'snapshot', cut, 'snapshot'],
  ['Killed_in_stop_before_the_rename', 'stop', died, 'stop'],
  ['Cut_in_stop_before_the_rename', 'stop', cut, 'stop'],
  [
    'Killed_in_stop_after_the_rename',
    'stop',
    { ...died, ...onTrial },
    'rollback',
    { because: { code: 'DAEMON_DIED' }, scriptStarted: false, blame: false },
  ],
  [
    'Cut_in_stop_after_the_rename',
    'stop',
    { ...cut, ...onTrial },
    'rollback',
    { because: { code: 'POWER_LOST' }, scriptStarted: false, blame: false },
  ],
  [
    'Killed_in_install',
    'install',
    { ...died, ...onTrial },
    'rollback',
    { because: { code: 'DAEMON_DIED' }, blame: false },
  ],
  ['Cut_in_install', 'install', { ...cut, ...onTrial }, 'rollback', { because: { code: 'POWER_LOST' }, blame: false }],
  ['Cut_in_install_with_the_new_VERSION', 'install', { ...cut, ...newInstalled }, 'rollback'],
  ['Cut_after_the_script', 'install', { ...cut, ...finished }, 'rollback', { because: { code: 'POWER_LOST' } }],
  ['Killed_after_the_script', 'install', { ...died, ...finished }, 'rollback', { because: { code: 'DAEMON_DIED' } }],
  ['Script_rebooted_at_its_end', 'install', { ...orderly, ...finished }, 'reboot', { bootId: 'boot-1' }],
  [
    'Script_rebooted_and_had_more_to_do',
    'install',
    { ...orderly, ...newInstalled, script: { exitCode: null, result: 'timeout' } },
    'rollback',
    shutDown,
  ],
  [
    'Script_failed_on_the_way_down',
    'install',
    { ...orderly, ...newInstalled, script: { exitCode: 1, result: 'exit-code' } },
    'rollback',
    shutDown,
  ],
  [
    'Script_rebooted_without_VERSION',
    'install',
    { ...orderly, ...finished, installed: oldVersion },
    'rollback',
    shutDown,
  ],
  ['Shut_down_before_the_script', 'install', { ...orderly, ...newInstalled }, 'rollback', notStarted],
  [
    'Shut_down_and_nothing_could_be_set_up',
    'install',
    { ...orderly, ...newInstalled, script: { exitCode: 226, result: 'exit-code' } },
    'rollback',
    notStarted,
  ],
  [
    'Script_rebooted_at_its_end_after_it_masked_the_guard',
    'install',
    { ...orderly, ...finished, tamperedWith: ['opq-updater-guard.service'] },
    'rollback',
    { because: { code: 'UPDATER_TAMPERED' }, blame: true },
  ],
  ['Killed_in_reboot', 'reboot', { ...died, ...newInstalled }, 'reboot'],
  ['Rebooted', 'reboot', { ...orderly, ...newInstalled }, 'reboot'],
  ['Killed_in_confirm', 'confirm', { ...died, ...newInstalled }, 'confirm', { cutBoots: 0 }],
  ['Cut_in_confirm', 'confirm', { ...cut, ...newInstalled }, 'confirm', { cutBoots: 1 }],
  ['Shut_down_in_confirm', 'confirm', { ...orderly, ...newInstalled }, 'confirm', { cutBoots: 0 }],
  ['Killed_in_undo_before_the_rename', 'undo', died, 'undo'],
  ['Cut_in_undo_before_the_rename', 'undo', cut, 'undo'],
  ['Killed_in_undo_after_the_rename', 'undo', { ...died, ...onTrial }, 'rollback'],
  ['Cut_in_undo_after_the_rename', 'undo', { ...cut, ...onTrial }, 'rollback'],
  ['Killed_in_rollback', 'rollback', { ...died, ...onTrial }, 'rollback'],
  ['Cut_in_rollback', 'rollback', { ...cut, ...onTrial }, 'rollback'],
  ['Killed_in_restored', 'restored', { ...died, ...onTrial }, 'restored'],
  ['Cut_in_restored', 'restored', { ...cut, ...onTrial }, 'restored'],
];

it.each(table)('%s: goes on as it should', (_, step, boot, next, facts = {}) => {
  const row: { resume(at: At, boot: Boot): At } = steps[step] as never;
  expect(row.resume(positions[step], boot)).toMatchObject({ step: next, ...facts });
});
