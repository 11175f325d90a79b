import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import * as s from '../../../protocol/schema.ts';
import type { Gateway } from '../box.ts';
import { run } from '../run.ts';

/** The kernel asks three times, a second apart, for one that it has not heard of for a while after five. */
const patienceMs = 10_000;
const pollMs = 250;

const routes = s.array(s.object({ gateway: s.optional(s.string(s.ipv4())) }));
const neighbours = s.array(s.object({ state: s.array(s.string()) }));

/**
 * Whether the default gateway answers, by the kernel's own table of neighbours: that takes no rights and no server.
 * Where there is no iproute2 it is as if there were no gateway.
 */
export async function gateway(): Promise<Gateway> {
  const found = await ip(['route', 'show', 'default'], routes);
  const addresses = [...new Set(found.flatMap(({ gateway: address }) => address ?? []))];
  if (addresses.length === 0) return 'none';
  const answers = await Promise.all(addresses.map(answersNow));
  return answers.includes(true) ? 'answers' : 'silent';
}

async function answersNow(address: string): Promise<boolean> {
  await nudge(address);
  for (const end = performance.now() + patienceMs; performance.now() < end; await sleep(pollMs)) {
    const states = (await ip(['neigh', 'show', 'to', address], neighbours)).flatMap(({ state }) => state);
    if (states.some((state) => ['REACHABLE', 'PERMANENT', 'NOARP'].includes(state))) return true;
    if (states.includes('FAILED')) return false;
  }
  return false;
}

/** One byte to the port that throws everything away: before it can go out, the kernel has to find the gateway. */
function nudge(address: string): Promise<void> {
  return new Promise((done) => {
    const socket = createSocket('udp4');
    // Also when it could not be sent: the table tells.
    socket.once('close', done).once('error', () => socket.close());
    socket.send('.', 9, address, (error) => error || socket.close());
  });
}

async function ip<T>(args: readonly string[], schema: s.Schema<unknown, T[]>): Promise<T[]> {
  const { stdout } = await run('ip', ['-4', '-json', ...args], { timeoutMs: 10_000 });
  try {
    return s.parse(schema, JSON.parse(stdout));
  } catch {
    return []; // no iproute2, or one that knows no JSON
  }
}
