import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageName, signatureName } from '../../protocol/version.ts';
import { parseSettings, settingsVariable } from '../../server/settings.ts';
import { runProgram } from './program.ts';

const run = promisify(execFile);
const top = fileURLToPath(new URL('../..', import.meta.url));
const text = (path: string) => readFile(join(top, path), 'utf8');

describe('the image', () => {
  /** The Dockerfile as rows of instruction and rest. */
  let rows: { instruction: string; rest: string }[];
  const all = (instruction: string) => rows.filter((row) => row.instruction === instruction).map(({ rest }) => rest);
  beforeAll(async () => {
    const lines = (await text('server/docker/Dockerfile')).split('\n').filter((line) => /^[A-Z]+ /.test(line));
    rows = lines.map((line) => ({ instruction: line.split(' ')[0]!, rest: line.replace(/^\S+ /, '') }));
  });

  /** The settings that the image comes with. */
  const settings = () => {
    const value = new RegExp(`^${settingsVariable}='(.*)'$`).exec(all('ENV')[0] ?? '')?.[1];
    return parseSettings(value ?? '', 'ENV');
  };
  const command = () => JSON.parse(all('ENTRYPOINT')[0] ?? '') as string[];
  const healthCheck = () => JSON.parse(/ CMD (\[.*\])$/.exec(all('HEALTHCHECK')[0] ?? '')?.[1] ?? '') as string[];

  it('serves and is healthy in a clean folder that holds only what it copies, and unhealthy without its folder', async () => {
    const home = await mkdtemp(join(tmpdir(), 'opq-image-'));
    const updates = join(home, 'updates');
    await mkdir(updates);
    await mkdir(join(home, 'work'));
    for (const rest of all('COPY')) {
      const [source, target] = rest.split(' ');
      expect(target).toBe('./');
      await copyFile(join(top, source!), join(home, 'work', basename(source!)));
    }
    await writeFile(join(updates, packageName(1_550_190_683)), 'package');
    await writeFile(join(updates, signatureName(1_550_190_683)), 'signature');

    // As "docker run --env" would: the image's own port and folder are of a machine of its own.
    const server = runProgram({ port: 0, updates_dir: updates }, [], command(), join(home, 'work'));
    const url = await server.url();
    expect(await (await fetch(`${url}/version`)).text()).toBe('1550190683');
    const env = {
      PATH: process.env.PATH,
      [settingsVariable]: JSON.stringify({ port: Number(new URL(url).port), updates_dir: updates }),
    };
    const [program, ...args] = healthCheck();
    const check = () => run(program!, args, { env, cwd: join(home, 'work') });
    await check();
    await rm(updates, { recursive: true });
    await expect(check()).rejects.toMatchObject({ code: 1 });
    server.child.kill('SIGTERM');
    expect((await server.ended).code).toBe(0);
    await expect(check()).rejects.toMatchObject({ code: 1 });
    await rm(home, { recursive: true });
  });

  it('has the folder and the port of its settings as volume and exposed port, and no root', () => {
    expect(all('VOLUME')).toEqual([settings().updates_dir]);
    expect(all('EXPOSE')).toEqual([String(settings().port)]);
    expect(all('USER')).toEqual(['node']);
    expect(settings().host).toBeUndefined();
  });

  it('is built from no more than it copies', async () => {
    const ignore = (await text('server/docker/Dockerfile.dockerignore')).split('\n').filter(Boolean);
    expect(ignore).toEqual(['*', ...all('COPY').map((rest) => `!${rest.split(' ')[0]}`)]);
  });

  it('is started by the compose file with settings that hold, and a read-only folder', async () => {
    const compose = await text('server/docker/compose.yaml');
    const { port, updates_dir } = parseSettings(/_SETTINGS: '(.*)'/.exec(compose)?.[1] ?? '', 'compose.yaml');
    expect(compose).toContain(`- "${port}:${port}"`);
    expect(compose).toContain(`:${updates_dir}:ro"`);
    expect(compose).toContain('dockerfile: server/docker/Dockerfile');
  });
});

describe('the unit and the sample configuration', () => {
  it('start the server with settings that hold', async () => {
    const unit = await text('server/systemd/opq-update-server.service');
    const fromUnit = parseSettings(/^Environment='\w+=(.*)'$/m.exec(unit)?.[1] ?? '', 'the unit');
    expect(unit).toContain(`RequiresMountsFor=${fromUnit.updates_dir}\n`);
    expect(unit).toMatch(/^ExecStart=\/usr\/bin\/node \/\S+\/opq-update-server\.js$/m);
    const sample = parseSettings(await text('server/config/box-update-server.config.json'), 'the sample');
    expect(sample.port).toBe(fromUnit.port);
  });
});
