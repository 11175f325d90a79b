import { chainOn } from '../chain.ts';
import type { Recipe } from '../release.ts';
import type { Scenario } from '../scenario.ts';

/** A line that writes a unit or a drop-in; `\n` ends its lines. */
const unit = (path: string, text: string) =>
  `mkdir -p "$(dirname /etc/systemd/system/${path})"; printf '${text}' >/etc/systemd/system/${path}`;

export const healthFailed: Scenario = {
  name: 'health-failed',
  about: 'a release whose service fails after the boot',
  quick: true,
  from: 'box',
  async run(context) {
    const chain = chainOn(context);
    await context.machine.boot();
    await chain.putsBack({ version: 1_600_000_001, program: '#!/bin/sh\nexit 1\n' }, 'HEALTH_FAILED');
    await chain.expectQuarantined();
    await chain.keeps({ version: 1_600_000_002 });
    return 'whole old, not taken again by itself; the next one confirmed';
  },
};

/** Nobody stops it for the undo, as nobody but the release knows of it. */
export const writesOn: Scenario = {
  name: 'writes-on',
  about: 'a release whose service fails, with a unit of its own that never stops writing into the folder of the box',
  quick: false,
  from: 'box',
  async run(context) {
    const chain = chainOn(context);
    await context.machine.boot();
    const line = 'while :; do date >>/usr/local/box-config-daemon/lines; done';
    const writer = unit(
      'writer.service',
      `[Service]\\nExecStart=sh -c "${line}"\\n[Install]\\nWantedBy=multi-user.target\\n`,
    );
    const release = {
      version: 1_600_000_001,
      program: '#!/bin/sh\nexit 1\n',
      end: `${writer}\nsystemctl enable writer.service`,
    };
    await chain.putsBack(release, 'HEALTH_FAILED');
    await chain.keeps({ version: 1_600_000_002 });
    return 'stuck for a minute, then whole old by a reboot of its own; the next one confirmed';
  },
};

export const networkLost: Scenario = {
  name: 'network-lost',
  about: 'a release that takes the network down at every boot; then a good one while there is no network anyway',
  quick: false,
  from: 'box',
  async run(context) {
    const { machine, box, publisher, expect } = context;
    const chain = chainOn(context);
    await machine.boot();
    await chain.configure({ trial_deadline_s: 90 });
    const down =
      '[Service]\\nType=oneshot\\nExecStart=ip link set eth0 down\\n[Install]\\nWantedBy=multi-user.target\\n';
    const end = `${unit('down.service', `[Unit]\\nAfter=wired.service\\n${down}`)}\nsystemctl enable down.service`;
    const { because } = await chain.putsBack({ version: 1_600_000_001, end }, 'NETWORK_LOST');
    expect('the gateway in the message', because?.message.includes('gateway'), true);
    await chain.configure({});

    await machine.network(false);
    const good = { version: 1_600_000_002 };
    const file = await publisher.stick(good);
    const stick = `/root/opq-box-update-${good.version}.tar.bz2`;
    await machine.push({ file }, stick);
    await machine.push({ file: `${file}.sig` }, `${stick}.sig`);
    await box.install(stick);
    await chain.expectKept(good);
    await machine.network(true);
    await chain.keeps({ version: 1_600_000_003 });
    return 'whole old and the network back; without a network before, none is asked for after';
  },
};

/** Releases that end the updater itself while the box stays up: only the guard is left. */
const broken = (name: string, about: string, release: Partial<Recipe>): Scenario => ({
  name,
  about,
  quick: false,
  from: 'box',
  async run(context) {
    const { machine, expect } = context;
    const chain = chainOn(context);
    await machine.boot();
    await chain.configure({ trial_heartbeat_s: 180 });
    await chain.putsBack({ version: 1_600_000_001, ...release }, 'GUARD_RESTORED');
    await chain.expectQuarantined();
    // A crowded machine may need longer than that for a good one.
    await chain.configure({});
    await chain.keeps({ version: 1_600_000_002 });
    expect('state of systemd', await machine.settled(), 'running');
    return 'whole old, by the guard, not taken again by itself; the next one confirmed';
  },
});

const dropIn = 'opq-updater.service.d/zz-release.conf';

/**
 * What an install script does to the updater is found before the reboot (`guardMasked`). This is done by a program of
 * the release, early in each boot, in memory: nothing of it is on the disk to be found.
 */
const inEachBoot = (lines: string): Partial<Recipe> => ({
  data: { 'early.sh': `#!/bin/sh\n${lines}\n` },
  end: `${unit(
    'early.service',
    '[Unit]\\nDefaultDependencies=no\\nAfter=opq-updater-guard.service\\nBefore=sysinit.target\\n[Service]\\nType=oneshot\\nExecStart=/usr/local/box-config-daemon/early.sh\\n[Install]\\nWantedBy=sysinit.target\\n',
  )}\nsystemctl enable early.service`,
});
const overridden = (text: string) =>
  inEachBoot(
    `mkdir -p /run/systemd/system/opq-updater.service.d
printf '${text}' >/run/systemd/system/${dropIn}
systemctl daemon-reload`,
  );

export const nodeBroken = broken(
  'node-broken',
  'a release with which Node does not start after the reboot',
  overridden('[Service]\\nEnvironment=NODE_OPTIONS=--no-such-option\\n'),
);

export const updaterReplaced = broken(
  'updater-replaced',
  "a release that puts /bin/false in the updater's place after the reboot",
  overridden('[Service]\\nExecStart=\\nExecStart=/bin/false\\n'),
);

export const updaterMasked = broken(
  'updater-masked',
  'a release that masks the updater after the reboot',
  inEachBoot('systemctl mask --runtime opq-updater.service'),
);

export const bootHangs = broken('boot-hangs', 'a release with a unit that never lets the boot go on', {
  end: `${unit(
    'forever.service',
    '[Unit]\\nDefaultDependencies=no\\nBefore=sysinit.target multi-user.target\\n[Service]\\nType=oneshot\\nTimeoutStartSec=infinity\\nExecStart=sleep infinity\\n[Install]\\nWantedBy=sysinit.target\\n',
  )}\nsystemctl enable forever.service`,
});

/** The watcher over the watchers would be gone too: what is left is what is looked at before the reboot. */
export const guardMasked: Scenario = {
  name: 'guard-masked',
  about:
    "releases that mask the updater's guard and put /bin/false in the updater's place, or disable and mask the updater",
  quick: false,
  from: 'box',
  async run(context) {
    const chain = chainOn(context);
    await context.machine.boot();
    await chain.configure({ trial_heartbeat_s: 180 });
    const masked = ['opq-updater-guard.service', 'opq-updater-watch.service', 'opq-updater-watch.timer'];
    const lines = masked.map((name) => `ln -s /dev/null /etc/systemd/system/${name}`);
    const end = [...lines, unit(dropIn, '[Service]\\nExecStart=\\nExecStart=/bin/false\\n')].join('\n');
    await chain.putsBack({ version: 1_600_000_001, end }, 'UPDATER_TAMPERED');
    const off = 'systemctl disable opq-updater.service; systemctl mask opq-updater.service';
    await chain.putsBack({ version: 1_600_000_002, end: off }, 'UPDATER_TAMPERED');
    await chain.configure({});
    await chain.keeps({ version: 1_600_000_003 });
    return 'whole old both times, before a reboot; the next one confirmed';
  },
};

/** Each boot ends before the updater can start: only the count of boots is left. */
export const rebootLoop: Scenario = {
  name: 'reboot-loop',
  about: 'a release that reboots the box early in every boot',
  quick: false,
  from: 'box',
  async run(context) {
    const chain = chainOn(context);
    await context.machine.boot();
    const text =
      '[Unit]\\nDefaultDependencies=no\\nAfter=opq-updater-guard.service\\nBefore=sysinit.target\\n[Service]\\nType=oneshot\\nExecStart=systemctl reboot --force --force\\n[Install]\\nWantedBy=sysinit.target\\n';
    const end = `${unit('again.service', text)}\nsystemctl enable again.service`;
    await chain.putsBack({ version: 1_600_000_001, end }, 'GUARD_RESTORED');
    await chain.keeps({ version: 1_600_000_002 });
    return 'whole old, by the guard in the fourth boot; the next one confirmed';
  },
};
