import { operations } from '../../../protocol/operations.ts';
import type { Context, Scenario } from '../scenario.ts';

const run = '/run/opq-updater';
const state = '/var/lib/opq-updater';
const downloads = '/var/opq/updater';
const ask = (socket: string, more = '') =>
  `curl --silent --fail --max-time 60 --unix-socket ${run}/${socket}.sock ${more} http://updater/status`;

/** What somebody with a log-in and nothing else must not get done, while an update is on trial. */
export const attempts: Readonly<Record<string, string>> = {
  'asks through the socket of root': ask('control'),
  'asks through the socket of the page': ask('page'),
  'puts a socket of their own in the place of it': `rm -f ${run}/page.sock`,
  'gives signs of life in the name of the updater': `echo 99999 >${run}/heartbeat`,
  'begins a trial': `mkdir ${state}/trial`,
  'lists the state': `ls ${state}`,
  'reads the journal': `cat ${state}/journal.json`,
  'reads the history': `cat ${state}/history.jsonl`,
  'reads the snapshot': `head -c 1 ${state}/trial/tree.tar`,
  'lists the downloads': `ls ${downloads}/`,
  'puts a package there': `touch ${downloads}/evil`,
  'renames the downloads': `mv ${downloads} ${downloads}.old`,
  'pins a key': 'touch /etc/opq-updater/keys/evil.pem',
  'unpins a key': 'rm -f /etc/opq-updater/keys/publisher.pem',
  'adds a health check': 'touch /etc/opq-updater/health.d/evil',
  'changes the configuration': 'echo >>/etc/opq/updater_config.json',
  'changes the program': 'echo >>/usr/lib/opq-box-updater/opq-updater.js',
  'puts another updater in place': 'mkdir -p /opt/opq-updater/current',
  'writes into the log': 'echo >>/var/log/opq/box_updater.log',
  'stops the updater': 'systemctl --no-ask-password stop opq-updater.service',
  'kills the updater': 'systemctl --no-ask-password kill opq-updater.service',
  'signals the updater': 'kill "$(systemctl show --property=MainPID --value opq-updater.service)"',
  'looks into its memory': 'head -c 1 /proc/"$(systemctl show --property=MainPID --value opq-updater.service)"/environ',
  'kills the script': 'systemctl --no-ask-password kill opq-updater-script.service',
  'stops the guard': 'systemctl --no-ask-password stop opq-updater-watch.timer',
  'starts the guard': 'systemctl --no-ask-password start opq-updater-watch.service',
  'runs a unit as root': 'systemd-run --no-ask-password --wait true',
  'reboots the box': 'systemctl --no-ask-password reboot',
};

/** A box may have other users, and services that somebody has broken into. */
export const strangers: Scenario = {
  name: 'strangers',
  about:
    'a user of the box tries what only root may, one of the group opq-updater what only root may through its socket',
  quick: false,
  from: 'box',
  limitS: 2400,
  async run(context) {
    const { machine, box, publisher, whole, expect } = context;
    await machine.boot();
    const release = {
      version: 1_600_000_001,
      middle: 'echo waits >/dev/ttyS0; until [ -e /run/go ]; do sleep 1; done',
    };
    await publisher.publish(release);
    await box.install();
    await machine.onConsole(/^waits/m);
    for (const [what, script] of Object.entries(attempts))
      expect(`somebody ${what}: whether that worked`, (await as(context, '--init-groups', script)).code === 0, false);
    const count = await ofTheGroup(context);
    await machine.ok('touch /run/go');
    await box.expectEnd(release.version, 'confirmed');
    await box.expectWhole(whole(release));
    return `${Object.keys(attempts).length} attempts and ${count} operations refused; the update confirmed`;
  },
};

/** What the page may do works through its socket, everything else is refused there; @returns how much that is */
async function ofTheGroup(context: Context): Promise<number> {
  const { machine, expect } = context;
  const group = '--groups opq-updater';
  expect('status for the group', (await as(context, group, ask('page'))).code, 0);
  for (const what of [
    'asks through the socket of root',
    'lists the state',
    'gives signs of life in the name of the updater',
  ])
    expect(`the group ${what}: whether that worked`, (await as(context, group, attempts[what]!)).code === 0, false);
  const forRoot = Object.entries(operations).filter(([, { page }]) => !page);
  for (const [name, { method, path }] of forRoot) {
    const command = `curl --silent --max-time 60 --unix-socket ${run}/page.sock --request ${method} --data '{}' \
      --write-out ' %{http_code}' http://updater${path}`;
    const { out } = await as(context, group, command);
    expect(`the answer to ${name}, which is "${out}"`, /"NOT_PERMITTED".* 403$/.test(out), true);
  }
  const long = `head -c 100000 /dev/zero | tr '\\0' x | curl --silent --max-time 60 --unix-socket ${run}/page.sock \
    --data-binary @- --output /dev/null --write-out '%{http_code}' http://updater/check`;
  expect('a request that is too long is refused', /^4/.test((await as(context, group, long)).out), true);
  expect('the updater runs on', (await machine.run('systemctl is-active opq-updater.service')).out, 'active\n');
  return forRoot.length;
}

function as({ machine }: Context, groups: string, script: string) {
  return machine.run(`cd /tmp; setpriv --reuid somebody --regid somebody ${groups} bash -c "$(cat)"`, {
    input: script,
  });
}
