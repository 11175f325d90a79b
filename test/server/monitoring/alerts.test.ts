import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { routes } from '../../../server/routes.ts';
import { ask } from '../site.ts';
import { openWatchedSite, type Sample, samplesOf } from './watched-site.ts';

const alerts = readFileSync(new URL('../../../server/monitoring/alerts.yml', import.meta.url), 'utf8');
const expressions = [...alerts.matchAll(/^ +expr: (?:>-\n((?: {10}.*\n)+)|(.*)\n)/gm)].map(
  ([, folded, plain]) => (folded ?? plain)!,
);

interface Used {
  readonly name: string;
  readonly matchers: readonly { readonly label: string; readonly how: string; readonly value: string }[];
}

/** Names of metrics with their matchers; functions are followed by a bracket, labels stand in one after `without`. */
function metricsIn(expression: string): Used[] {
  const bare = expression.replace(/(without|by|on) \([^)]*\)/g, '');
  const words = bare.matchAll(/(?<![\w"])([a-z][a-z0-9_]*_[a-z0-9_]+|up)(\{[^}]*\})?(?!\w|\()/g);
  return [...words].map(([, name, list = '']) => ({
    name: name!,
    matchers: [...list.matchAll(/(\w+)(=~|!=|=)"([^"]*)"/g)].map(([, label, how, value]) => ({
      label: label!,
      how: how!,
      value: value!,
    })),
  }));
}

/** Prometheus itself says `up`, and adds `job`. */
const fitting = (samples: readonly Sample[], { name, matchers }: Used) =>
  samples.filter(
    (sample) =>
      sample.name === name &&
      matchers.every(({ label, how, value }) => {
        const found = label === 'job' ? 'opq-update-server' : sample.labels[label];
        if (found === undefined) return false;
        return how === '!=' ? found !== value : new RegExp(`^(?:${value})$`).test(found);
      }),
  );

it('name only metrics and labels that the server has; the page about it names all of its own', async () => {
  const ended = { done: 1, nothing: 0, conflict: 0, 'too-large': 0, failed: 0 };
  const queue = { queued: 0, running: 0, alive: true };
  const site = await openWatchedSite(async () => ({ queue, ended, seconds: 1, imageBytes: 1, cacheDir: '/tmp' }));
  await site.publish(1_550_190_683);
  await ask(site.url, '/version');
  const samples = [...samplesOf(await site.page()), { name: 'up', labels: {}, value: 1 }];
  await site.close();
  const docs = readFileSync(new URL('../../../docs/server.md', import.meta.url), 'utf8');
  const ours = samples.flatMap(({ name }) => /^opq_update_server_(\w+)/.exec(name)?.[1] ?? []);
  for (const name of ours) expect(docs).toMatch(new RegExp(`[\`]${name}[\`{]`));
  // What no healthy server has.
  const errors = { name: 'opq_update_server_requests_total', labels: { route: '/', status: '503' }, value: 1 };
  const used = expressions.flatMap(metricsIn);
  expect(used.filter((metric) => fitting([...samples, errors], metric).length === 0)).toEqual([]);
  expect(used.length).toBeGreaterThan(expressions.length);
});

it('count as asking only what boxes ask for and get, by paths that the server has', () => {
  const [asked] = metricsIn(expressions.find((expression) => expression.includes('/ls'))!);
  const answered = (route: string, status: string) =>
    fitting([{ name: asked!.name, labels: { route, status }, value: 1 }], asked!).length;
  const paths = [...Object.keys(routes), '/components/*', '/api/*', 'none'];
  expect(paths.filter((path) => answered(path, '200'))).toEqual([
    '/ls',
    '/version',
    '/latest',
    '/version.json',
    '/metadata/:name',
    '/components/*',
  ]);
  expect(['303', '304', '404', '405', '503', 'none'].map((status) => answered('/version', status))).toEqual([
    1, 1, 0, 0, 0, 0,
  ]);
});

it('have one expression each, for all that an operator has to see', () => {
  const names = [...alerts.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(expressions.length).toBe(names.length);
  expect(alerts.match(/severity: (critical|warning)/g)?.length).toBe(names.length);
  for (const expression of expressions) expect(metricsIn(expression), expression).not.toEqual([]);
});

it('would not pass with a metric that nobody has', () => {
  const samples = [{ name: 'opq_update_server_packages', labels: { state: 'signed' }, value: 1 }];
  const one = (expression: string) => fitting(samples, metricsIn(expression)[0]!).length;
  expect(one('opq_update_server_packages{state="signed"} == 0')).toBe(1);
  expect(one('increase(opq_update_server_packages[1h]) == 0')).toBe(1);
  expect(one('opq_update_server_packages{state="refused"} == 0')).toBe(0);
  expect(one('opq_update_server_packages{stat="signed"} == 0')).toBe(0);
  expect(one('opq_update_server_package == 0')).toBe(0);
});
