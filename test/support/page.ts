import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { t } from '../../ui/page/strings.ts';
import { it as boxIt, type ScratchBox } from './scratch-box.ts';

const program = fileURLToPath(new URL('../../dist/opq-updater-ui.js', import.meta.url));
export const password = 'a cellar with a phone';

export const devices = {
  phone: { viewport: { width: 360, height: 740 }, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 900 } },
} as const;

export interface How {
  readonly device?: keyof typeof devices;
  readonly dark?: boolean;
  /** For a test that has to put its own script into the page. */
  readonly bypassCSP?: boolean;
}

export type PageServer = Awaited<ReturnType<typeof servePage>>;

/** The page's real server for a box, on a free port. */
export async function servePage(box: Pick<ScratchBox, 'root'>) {
  let child = await start(0);
  const url = child.url;
  return {
    url,
    async kill(): Promise<void> {
      child.process.kill('SIGKILL');
      await child.gone;
    },
    /** At the same address, after it was killed. */
    async comeBack(): Promise<void> {
      child = await start(Number(new URL(url).port));
    },
  };

  async function start(port: number) {
    const args = ['--root', box.root, '--host', '127.0.0.1', '--port', String(port), '--idle-s', '0'];
    const process_ = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = once(process_, 'exit');
    for (let said = ''; ; ) {
      const [chunk] = await Promise.race([once(process_.stdout, 'data'), gone]);
      said += chunk;
      const listening = /listening on (\S+)/.exec(said)?.[1];
      if (listening) return { process: process_, gone, url: listening };
      if (process_.exitCode !== null) throw new Error(`The page's server ended with ${process_.exitCode}.`);
    }
  }
}

/** A test with browsers: one Chromium for all tests of a file, a context for each technician. */
export const it = boxIt.extend<{
  browser: Browser;
  /** Opens the page of a box, at the login. */
  openPage: (server: PageServer, how?: How) => Promise<Page>;
  serveBox: (box: Pick<ScratchBox, 'root'>) => Promise<PageServer>;
}>({
  browser: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest wants to see that it needs nothing
    async ({}, use) => {
      const browser = await launch();
      await use(browser);
      await browser.close();
    },
    { scope: 'file' },
  ],
  serveBox: async ({ task: _ }, use) => {
    const servers: PageServer[] = [];
    await use(async (box) => {
      const server = await servePage(box);
      servers.push(server);
      return server;
    });
    for (const server of servers) await server.kill();
  },
  openPage: async ({ browser, task }, use) => {
    const opened: { page: Page; complaints: string[] }[] = [];
    await use(async (server, how = {}) => {
      const one = await openIn(browser, server, how);
      opened.push(one);
      return one.page;
    });
    for (const { page } of opened) {
      if (task.result?.state === 'fail') console.log(await page.locator('body').innerText());
      await page.context().close();
    }
    // What a browser has against the page: errors of its scripts, violations of its policy.
    expect(opened.flatMap(({ complaints }) => complaints)).toEqual([]);
  },
});

/** @see setup/test.sh, which sees that it is there */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });

export async function openIn(browser: Browser, server: PageServer, { device = 'desktop', dark, bypassCSP }: How) {
  const context = await browser.newContext({
    ...devices[device],
    colorScheme: dark ? 'dark' : 'light',
    timezoneId: 'Pacific/Honolulu',
    ...(bypassCSP ? { bypassCSP } : {}),
  });
  context.setDefaultTimeout(100_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error.stack)));
  page.on('console', (message) => {
    // That an answer was an error, or did not come, is what the browser says of the network by itself.
    const network = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !network) complaints.push(message.text());
  });
  await page.goto(server.url);
  return { page, complaints };
}

/** Signs in, by PIN the first time. */
export async function signIn(page: Page, box: Pick<ScratchBox, 'cli'>, words = password): Promise<void> {
  const pin = page.getByLabel(t.login.pin, { exact: true });
  const old = page.getByLabel(t.login.password, { exact: true });
  await pin.or(old).waitFor();
  if (await pin.isVisible()) {
    await pin.fill(await newPin(box));
    await page.getByLabel(t.login.newPassword(8)).fill(words);
    await page.getByRole('button', { name: t.login.setPassword }).click();
  } else {
    await old.fill(words);
    await page.getByRole('button', { name: t.login.signIn }).click();
  }
  await page.getByRole('button', { name: t.head.signOut }).waitFor();
}

/** As root gets it on the box. */
async function newPin(box: Pick<ScratchBox, 'cli'>): Promise<string> {
  const { last } = await box.cli('page', 'pin');
  return last.pin;
}

export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
/** The step that is under way. */
export const current = (page: Page, name: string) => page.locator('[aria-current=step]', { hasText: name });
export const verdict = (page: Page) => page.locator('#verdict');
/** Opens a part of the page that is closed. */
export async function unfold(page: Page, name: string): Promise<void> {
  const part = page.locator(`#${name} > details`);
  if ((await part.getAttribute('open')) === null) await part.locator('> summary').click();
}
