import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Context, Scenario } from '../scenario.ts';

/** Proves the test bench itself: whatever else it finds is worth only as much as this. */
export const harness: Scenario = {
  name: 'harness',
  about: 'commands, a power cut with synced and unsynced files, the clock at 1970, a server outside, a reboot',
  quick: false,
  from: 'image',
  async run(context) {
    const { machine } = context;
    await machine.powerOn({ clock: '1970-01-01T00:00:00' });
    context.expect('state after the boot', await machine.settled(), 'running');
    await clock(context);
    await commands(context);
    const lost = await powerCut(context);
    await server(context);
    await reboot(context);
    await machine.powerOff();
    // None lost would mean that the cut was none.
    context.expect('some unsynced files lost', lost > 0, true);
    context.expect('file system after power-off', (await machine.checkFileSystem()).sound, true);
    return `all that was synced survived; ${lost} of 40 unsynced files did not`;
  },
};

async function clock({ machine, expect }: Context): Promise<void> {
  const chip = Number(await machine.ok('cat /sys/class/rtc/rtc0/since_epoch'));
  expect('clock chip within the first hour of 1970', chip < 3600, true);
  // systemd knows when it was built and goes no further back.
  const guest = Number(await machine.ok('date +%s'));
  expect('clock of the guest a day or more behind that of the host', guest < Date.now() / 1000 - 86_400, true);
}

async function commands({ machine, expect }: Context): Promise<void> {
  const { code, out, err } = await machine.run('cat; echo oops >&2; exit 3', { input: 'täxt' });
  expect('exit code and both outputs', `${code} ${out} ${err}`, '3 täxt oops\n');
  const large = Buffer.alloc(3_000_000, 'The quick brown fox. ');
  await machine.push(large, '/root/large', '0600');
  expect('size and mode of a pushed file', await machine.ok('stat -c "%s %a" /root/large'), '3000000 600\n');
}

async function powerCut({ machine, expect }: Context): Promise<number> {
  const text = 'x'.repeat(20_000);
  await machine.push(text, '/root/text');
  const before = await machine.bootId();
  await machine.ok(`cd /root; for i in $(seq 40); do cp text loose-$i; done
    for i in $(seq 10); do cp text synced-$i; sync synced-$i; done
    sync . && echo synced >/dev/ttyS0
    for i in $(seq 40); do echo more >>loose-$i; done`);
  await machine.onConsole(/synced/);
  await machine.cut();
  expect('cuts', machine.counts.cuts, 1);
  const { sound, report } = await machine.checkFileSystem();
  if (!sound) throw new Error(`The file system is not sound after its journal was replayed: ${report}`);
  expect('state after the cut', await machine.boot({ clock: null }), 'running');
  expect('another boot', (await machine.bootId()) !== before, true);
  const whole = await machine.ok('cd /root; for i in $(seq 10); do cmp text synced-$i && echo whole; done | wc -l');
  expect('synced files that are whole', Number(whole), 10);
  return Number(
    await machine.ok(`cd /root; for i in $(seq 40); do [ "$(stat -c %s loose-$i)" = 20005 ] || echo; done | wc -l`),
  );
}

async function server({ machine, expect }: Context): Promise<void> {
  // Not node: it takes seconds to start in here.
  const get = async (host: string, port: number, seconds: number): Promise<string> => {
    const ask = `exec 3<>/dev/tcp/${host}/${port} && printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3 && head -n 1 <&3`;
    const { out } = await machine.run(`timeout ${seconds} bash -c '${ask}' || echo no answer`);
    return out.trim();
  };
  expect('the update server from inside', await get('10.0.2.100', 8151, 100), 'HTTP/1.1 200 OK');
  const here = createServer((_, answer) => answer.end()).listen(0, '127.0.0.1');
  await once(here, 'listening');
  const { port } = here.address() as AddressInfo;
  expect('a port of the host that it was not given', await get('10.0.2.2', port, 10), 'no answer');
  here.close();
  await machine.network(false);
  expect('the server with the cable pulled', await get('10.0.2.100', 8151, 10), 'no answer');
  await machine.network(true);
  expect('the server with the cable back', await get('10.0.2.100', 8151, 100), 'HTTP/1.1 200 OK');
}

async function reboot({ machine, expect }: Context): Promise<void> {
  const before = await machine.bootId();
  await machine.order('echo kept >/root/kept; systemctl reboot');
  await machine.otherBoot(before);
  expect('state after the reboot', await machine.settled(), 'running');
  expect('a file that was not synced, after an orderly reboot', await machine.ok('cat /root/kept'), 'kept\n');
}
