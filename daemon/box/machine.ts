import { availableParallelism, loadavg, uptime } from 'node:os';
import type { BoxFacts } from '../../protocol/box-views.ts';

export type Machine = Pick<
  BoxFacts,
  'model' | 'system' | 'uptime_s' | 'processors' | 'load' | 'memory' | 'disks' | 'network'
>;

/** Rows of a table that people read; a machine with hundreds of mounts or bridges has its first. */
const mostRows = 16;

/** What a library can tell of this machine. It starts a dozen programs: not for the resident process. */
export async function readMachine(): Promise<Machine> {
  const { system } = await import('systeminformation/lib/system.js');
  const { osInfo } = await import('systeminformation/lib/osinfo.js');
  const { mem } = await import('systeminformation/lib/memory.js');
  const { fsSize } = await import('systeminformation/lib/filesystem.js');
  const { networkInterfaces } = await import('systeminformation/lib/network.js');
  const { manufacturer, model } = await system();
  const { distro, release, kernel } = await osInfo();
  const { total, available } = await mem();
  const disks = await fsSize();
  const lines = [await networkInterfaces()].flat();
  return {
    model: [manufacturer, model].filter(Boolean).join(' ') || null,
    system: `${distro} ${release}, Linux ${kernel}, Node ${process.versions.node}`,
    uptime_s: Math.floor(uptime()),
    processors: availableParallelism(),
    load: loadavg()[0] ?? 0,
    memory: { total_bytes: total, available_bytes: available },
    disks: disks
      .slice(0, mostRows)
      .map(({ mount, size, available }) => ({ mount, total_bytes: size, free_bytes: available })),
    network: lines
      .filter(({ internal }) => !internal)
      .slice(0, mostRows)
      .map(({ iface, operstate, type, ip4, ip6 }) => ({
        name: iface,
        up: operstate === 'up',
        wireless: type === 'wireless',
        addresses: [ip4, ip6].filter(Boolean),
      })),
  };
}
