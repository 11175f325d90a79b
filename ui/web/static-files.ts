import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { UpdateError } from '../../protocol/errors.ts';

export interface StaticFile {
  readonly bytes: Buffer;
  readonly type: string;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

/**
 * Everything that the browser loads, by its address; read once, so that no request ever names a file.
 * @throws UpdateError NOT_FOUND when the page was not built
 */
export async function readStaticFiles(folder: string): Promise<ReadonlyMap<string, StaticFile>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause) => {
    throw new UpdateError('NOT_FOUND', `Expected the page in ${folder}, found none: run "npm run build".`, { cause });
  });
  const files = new Map<string, StaticFile>();
  for (const entry of names) {
    const type = types[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length).replace(/^\/?/, '/'), { bytes: await readFile(path), type });
  }
  const index = files.get('/index.html');
  if (!index) throw new UpdateError('NOT_FOUND', `Expected ${join(folder, 'index.html')}, found none.`);
  files.set('/', index);
  return files;
}
