import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageName, signatureName } from '../../../protocol/version.ts';
import { listen } from '../../../server/listen.ts';
import type { Sources } from '../../../server/monitoring/look.ts';
import { openMonitoring } from '../../../server/monitoring/monitoring.ts';
import { countTraffic } from '../../../server/monitoring/traffic.ts';
import { updatesFolder } from '../../../server/updates-folder.ts';
import { ask } from '../site.ts';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Every sample of a page in Prometheus' text format; fails at a line that is none. */
export function samplesOf(page: string): Sample[] {
  const lines = page.split('\n').filter((line) => line !== '' && !/^# (HELP|TYPE) [a-z][a-z0-9_]* ./.test(line));
  return lines.map((line) => {
    const [, name, list = '', value] = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`no sample: ${line}`);
    const labels = [...list.matchAll(/([a-z_]+)="([^"]*)",?/g)].map(([, label, of]) => [label!, of!]);
    return { name, labels: Object.fromEntries(labels), value: Number(value) };
  });
}

/** The server in this process with its metrics, over a folder of its own. */
export async function openWatchedSite(builds?: Sources['builds']) {
  const dir = await mkdtemp(join(tmpdir(), 'opq-watched-'));
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const traffic = countTraffic();
  const server = await listen({ port: 0, updates_dir: dir, host: '127.0.0.1' }, { log, traffic });
  const sources = { traffic, folder: updatesFolder(dir, Date.now), nowMs: Date.now, builds };
  const monitoring = await openMonitoring({ port: 0, host: '127.0.0.1' }, sources, log);
  return {
    dir,
    lines,
    url: server.url,
    monitoringUrl: monitoring.url,
    async publish(version: number, bytes: string | Buffer = `package ${version}`) {
      await writeFile(join(dir, packageName(version)), bytes);
      await writeFile(join(dir, signatureName(version)), `signature ${version}`);
    },
    page: async () => (await ask(monitoring.url, '/metrics')).body.toString(),
    /** Samples of one metric of ours, as labels (JSON) to value. */
    async of(name: string): Promise<Record<string, number>> {
      const found = samplesOf(await this.page()).filter((sample) => sample.name === `opq_update_server_${name}`);
      return Object.fromEntries(found.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
    },
    async close() {
      await monitoring.stop(0);
      await server.stop(0);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
