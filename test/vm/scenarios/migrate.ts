import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import installer from '../../../setup/install.sh';
import migration from '../../../setup/migrate.sh';
import { putFactoryRelease } from '../box-image.ts';
import { serverUrl } from '../publisher.ts';
import { service } from '../release.ts';
import type { Context, Scenario } from '../scenario.ts';
import { fingerprintOf, timeIsKnown } from './deb.ts';

const crontab = '/var/spool/cron/crontabs/root';
const config = '/etc/opq/updater_config.json';
/** As the old set-up wrote it, but each minute, and with a stand-in that notes when it is called. */
const oldCron = '* * * * * sh /usr/local/bin/updater.py >>/var/log/updater.log 2>&1 # run_updater\n';
const oldConfig = `{ "download_dir_path": "/var/opq/updater/", "server_url": "${serverUrl}", "public_key": "old.pem" }\n`;

/** A box of the old updater, which a real cron calls: taken over, in spite of a power cut; updated; given back. */
export const migrate: Scenario = {
  name: 'migrate',
  about: 'a box of the old updater is taken over, with a power cut in the middle; updated; given back',
  quick: false,
  from: 'image',
  limitS: 2 * 3600,
  async run(context) {
    const { machine, box, publisher, expect } = context;
    const command = await prepare(context);
    expect('who asks at first', await whoAsks(context), 'the old one');

    await machine.order(`${command} >/dev/ttyS0 2>&1`);
    await machine.onConsole(/Unpacking opq-box-updater/);
    await sleep(context.random() * 2000);
    await machine.cut();
    await machine.boot();
    expect('who asks after the cut', await whoAsks(context), 'the old one');

    await timeIsKnown(context);
    const { code, out, err } = await machine.run(command);
    expect(`exit code of install.sh --migrate, which said:\n${out}${err}\n`, code, 0);
    expect('who asks after it', await whoAsks(context), 'ours');
    const release = { version: 1_600_000_001 };
    await publisher.publish(release);
    await box.install();
    await box.expectEnd(release.version, 'confirmed');
    expect('who asks after the update', await whoAsks(context), 'ours');

    await machine.ok('sh /root/install.sh --migrate-back');
    expect('who asks after --migrate-back', await whoAsks(context), 'the old one');
    expect('the old line of cron', await machine.ok(`cat ${crontab}`), oldCron);
    expect('the old configuration', await machine.ok(`cat ${config}`), oldConfig);
    expect('VERSION', await box.version(), String(release.version));
    expect('the services of the box', (await box.unit(service)).state, 'active');
    await machine.powerOff();
    return 'exactly one asked for updates all the time; the old one asks again';
  },
};

/** @returns the command that takes the box over */
async function prepare({ machine, publisher, deb }: Context): Promise<string> {
  if (deb === null) throw new Error('There is no package to install: `npm run deb` has not made one.');
  await machine.boot();
  await putFactoryRelease(machine, join(machine.folder, 'factory'));
  await machine.push(installer, '/root/install.sh');
  await machine.push(migration, '/root/migrate.sh');
  await machine.push({ file: publisher.publicKey }, '/root/publisher.pem');
  await machine.push({ file: deb }, '/root/updater.deb');
  await machine.push('echo called >>/root/called\n', '/usr/local/bin/updater.py');
  await machine.push(oldConfig, config);
  await machine.push(oldCron, crontab, '0600');
  await machine.ok('touch /root/called; sync');
  const fingerprint = await fingerprintOf(publisher.publicKey);
  return `sh /root/install.sh --migrate --deb /root/updater.deb --key /root/publisher.pem --fingerprint ${fingerprint}`;
}

/** Cron calls the old one each minute, so after two and a half it shows; ours asks when its schedule is set. */
async function whoAsks({ machine, expect }: Context): Promise<string> {
  const calls = async () => Number(await machine.ok('wc -l </root/called'));
  const before = await calls();
  await sleep(150_000);
  const old = (await calls()) > before;
  const ours = (await machine.run(`systemctl is-active -q opq-updater.service && ! grep -q '"schedule": *null' ${config}`)).code === 0; // biome-ignore format: one line
  expect('whether exactly one asks', old !== ours, true);
  return old ? 'the old one' : 'ours';
}
