import { serverUrl } from '../publisher.ts';
import type { Context, Scenario } from '../scenario.ts';
import { attempts } from './strangers.ts';

const unit = 'opq-updater-ui.service';
const mine = '/var/lib/opq-updater-ui';
const password = 'correct horse';

/** What root can do outside of a sandbox: all of them work there. */
const further: Readonly<Record<string, string>> = {
  'reads the configuration': 'cat /etc/opq/updater_config.json',
  'reads the hashes of passwords': 'cat /etc/shadow',
  'asks the update server': `curl --silent --fail --max-time 60 ${serverUrl}/version.json`,
  'writes to the disk elsewhere': 'touch /var/evil || touch /etc/evil || touch /usr/evil || touch /home/evil',
  'sees the updater among the processes': 'ls /proc/"$(cat /run/opq-updater-pid)"',
  'opens a disk': 'head -c 1 /dev/vda',
  'makes a namespace': 'unshare --user true',
  'mounts something': 'mount -t tmpfs none /mnt',
};

/** The page on a real box: started by who connects, as a user of its own, in the sandbox of its unit. */
export const page: Scenario = {
  name: 'page',
  about: "a technician's update by the page, across the reboot; then its server, broken into, tries what it must not",
  quick: false,
  from: 'box',
  limitS: 2400,
  async run(context) {
    const { machine, box, publisher, whole, expect } = context;
    await machine.boot();
    const release = { version: 1_600_000_001 };
    await publisher.publish(release);

    expect('the server of the page while nobody looks', (await box.unit(unit)).state, 'inactive');
    expect('its answer to a stranger', await says(context, '/api/status'), 401);
    const pin = /\b\d{8}\b/.exec((await box.updater('page pin')).out)?.[0];
    expect('its answer to the PIN', await says(context, '/api/login', { pin, new_password: password }), 200);
    expect('its answer to a check', await says(context, '/api/check', {}), 200);
    const before = await machine.bootId();
    expect('its answer to an install', await says(context, '/api/install', {}), 200);
    await machine.otherBoot(before);
    await box.expectEnd(release.version, 'confirmed');
    await box.expectWhole(whole(release));
    expect('its answer after the reboot', await says(context, '/api/status'), 200);
    expect(
      'its user',
      (await machine.ok(`ps -o user= -p "$(systemctl show -P MainPID ${unit})"`)).trim(),
      'opq-updater-ui',
    );

    const tried = await brokenInto(context);
    await machine.ok(`rm -r /run/systemd/system/${unit}.d && systemctl daemon-reload`);
    expect('its answer after all that', await says(context, '/api/status'), 200);
    await box.expectWhole(whole(release));
    return `confirmed, still signed in after the reboot; ${tried} attempts of its server refused`;
  },
};

/** @returns the status of the answer to a browser that keeps its cookie on the box; with a body it is a POST */
async function says({ machine }: Context, path: string, body?: object): Promise<number> {
  const site = 'http://127.0.0.1:8152';
  const post = body ? `--header 'Origin: ${site}' --json '${JSON.stringify(body)}'` : '';
  const jar = '/root/cookies';
  const curl = `curl --silent --max-time 300 --cookie ${jar} --cookie-jar ${jar}`;
  return Number(await machine.ok(`${curl} ${post} --output /dev/null --write-out '%{http_code}' ${site}${path}`));
}

/** A shell in the place of its program, with all else of its unit as it is; @returns how much it tried in vain */
async function brokenInto({ machine, expect }: Context): Promise<number> {
  // By the socket that was made for it, it gets an answer: the shell itself works.
  const { 'asks through the socket of the page': allowed, ...refused } = attempts;
  const all = { allowed: allowed!, ...refused, ...further };
  const script = Object.values(all).map((text) => `(${text}) >/dev/null 2>&1 </dev/null; echo $? >>${mine}/tried`);
  await machine.push(`${script.join('\n')}\n`, '/run/attempts.sh');
  const inItsPlace = '[Service]\nType=oneshot\nExecStart=\nExecStart=/bin/bash /run/attempts.sh\n';
  await machine.push(inItsPlace, `/run/systemd/system/${unit}.d/shell.conf`);
  await machine.ok('systemctl show -P MainPID opq-updater.service >/run/opq-updater-pid');
  for (const [what, text] of Object.entries(further))
    expect(`root ${what}: exit code`, (await machine.run(text)).code, 0);
  await machine.ok(`umount /mnt; rm -f /var/evil /etc/evil /usr/evil /home/evil
    systemctl daemon-reload && systemctl stop ${unit} && systemctl start ${unit}`);
  const codes = (await machine.ok(`cat ${mine}/tried`)).trim().split('\n');
  expect('how many attempts there were', codes.length, Object.keys(all).length);
  for (const [n, what] of Object.keys(all).entries())
    expect(`the page's server ${what}: whether that worked`, codes[n] === '0', what === 'allowed');
  return codes.length - 1;
}
