import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { look, type Seen, type Sources } from './look.ts';

type Samples = readonly (readonly [labels: Readonly<Record<string, string>>, value: number])[];

interface Row {
  readonly kind: 'counter' | 'gauge';
  readonly help: string;
  readonly labels?: readonly string[];
  readonly read: (seen: Seen) => Samples;
}

/** Every metric of ours, after `opq_update_server_`. No label takes a value that a client could make up. */
const rows: Readonly<Record<string, Row>> = {
  requests_total: {
    kind: 'counter',
    help: 'Requests that ended, by pattern of their path ("none": no path of the server) and status of the answer',
    labels: ['route', 'status'],
    read: ({ traffic }) =>
      [...traffic.requests].map(([key, count]) => {
        const [route = '', status = ''] = key.split(' ');
        return [{ route, status }, count];
      }),
  },
  sent_bytes_total: {
    kind: 'counter',
    help: 'Bytes handed to the network, headers and downloads under way included',
    read: ({ traffic }) => one(traffic.sentBytes()),
  },
  connections: { kind: 'gauge', help: 'Open connections', read: ({ traffic }) => one(traffic.connections()) },
  downloads_begun_total: {
    kind: 'counter',
    help: 'Downloads of packages and images that began, those that go on from a part too',
    read: ({ traffic }) => one(traffic.downloads.begun),
  },
  downloads_ended_total: {
    kind: 'counter',
    help: 'Downloads that ended: "done" sent to the last byte, "cut" broken off',
    labels: ['how'],
    read: ({ traffic: { downloads } }) => [
      [{ how: 'done' }, downloads.done],
      [{ how: 'cut' }, downloads.cut],
    ],
  },
  downloads_under_way: {
    kind: 'gauge',
    help: 'Downloads that are being sent',
    read: ({ traffic: { downloads } }) => one(downloads.begun - downloads.done - downloads.cut),
  },
  healthy: {
    kind: 'gauge',
    help: '1 where a part of the health document is well, else 0',
    labels: ['part'],
    read: ({ health }) => Object.entries(health).map(([part, ok]) => [{ part }, Number(ok)]),
  },
  packages: {
    kind: 'gauge',
    help: 'Packages in the folder: handed out with or without a signature, or "left_out" (a link, a wrong name, still being copied)',
    labels: ['state'],
    read: ({ packages }) => Object.entries(packages).map(([state, count]) => [{ state }, count]),
  },
  newest_release_version: {
    kind: 'gauge',
    help: 'Version of the newest package, which is when it was built, in seconds since the epoch; 0: none',
    read: ({ newest }) => one(newest?.version ?? 0),
  },
  newest_release_changed_timestamp_seconds: {
    kind: 'gauge',
    help: 'When the file of the newest package was last changed, in seconds since the epoch; 0: none',
    read: ({ newest }) => one(newest?.changedS ?? 0),
  },
  newest_release_signed: {
    kind: 'gauge',
    help: '1 when the signature of the newest package is beside it, else 0',
    read: ({ newest }) => one(newest?.signed ? 1 : 0),
  },
  disk_free_bytes: {
    kind: 'gauge',
    help: 'Room on the disk of a folder: "updates", and "cache" of builds on demand',
    labels: ['folder'],
    read: ({ disks }) => Object.entries(disks).map(([folder, { freeBytes }]) => [{ folder }, freeBytes]),
  },
  disk_size_bytes: {
    kind: 'gauge',
    help: 'Size of the disk of a folder',
    labels: ['folder'],
    read: ({ disks }) => Object.entries(disks).map(([folder, { sizeBytes }]) => [{ folder }, sizeBytes]),
  },
};

/** Only there when builds on demand are. */
const buildRows: Readonly<Record<string, Row>> = {
  build_queue_healthy: {
    kind: 'gauge',
    help: '1 when the queue answers and there is a worker, else 0',
    read: ({ builds }) => one(builds?.queue?.alive ? 1 : 0),
  },
  builds: {
    kind: 'gauge',
    help: 'Builds that have not ended',
    labels: ['state'],
    read: ({ builds }) =>
      builds?.queue
        ? [
            [{ state: 'queued' }, builds.queue.queued],
            [{ state: 'running' }, builds.queue.running],
          ]
        : [],
  },
  builds_ended_total: {
    kind: 'counter',
    help: 'Builds that ended, by outcome, known within three minutes',
    labels: ['outcome'],
    read: ({ builds }) => Object.entries(builds?.ended ?? {}).map(([outcome, count]) => [{ outcome }, count]),
  },
  build_seconds_total: {
    kind: 'counter',
    help: 'Seconds that the builds that ended took',
    read: ({ builds }) => one(builds?.seconds ?? 0),
  },
  image_bytes: {
    kind: 'gauge',
    help: 'Bytes of all images that are kept',
    read: ({ builds }) => one(builds?.imageBytes ?? 0),
  },
};

const one = (value: number): Samples => [[{}, value]];

/** The server's numbers and those of its process, as Prometheus reads them. */
export function openMetrics(sources: Sources) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  let seen: Seen | undefined;
  for (const [name, row] of Object.entries({ ...rows, ...(sources.builds && buildRows) })) register(name, row);

  function register(name: string, { kind, help, labels = [], read }: Row): void {
    const samples = () => (seen ? read(seen) : []);
    const common = { name: `opq_update_server_${name}`, help, labelNames: labels, registers: [registry] };
    if (kind === 'gauge') {
      new Gauge({
        ...common,
        collect() {
          this.reset();
          for (const [labels, value] of samples()) this.set(labels, value);
        },
      });
    } else {
      new Counter({
        ...common,
        collect() {
          this.reset();
          for (const [labels, value] of samples()) this.inc(labels, value);
        },
      });
    }
  }

  return {
    contentType: registry.contentType,
    async text(): Promise<string> {
      seen = await look(sources);
      return registry.metrics();
    },
  };
}
