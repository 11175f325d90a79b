import { scriptPrefix } from '../../protocol/page.ts';
import { escapeControls } from '../log.ts';
import type { Tools } from '../tools.ts';

const tailLines = 40;
const maxLineLength = 400;
/** Lines of one script that reach the log; a script that floods it does not push everything else out. */
const maxLoggedLines = 500;
const notRemoved = /^(?:rm|rmdir): (?:cannot remove|failed to remove) '(.+?)\/?': /;
const writeFault = /Read-only file system|No space left on device/;

/**
 * Takes what a script prints: a line each to the log, the last lines kept, `PROGRESS <0-100> <text>` shown.
 * @param writablePaths folders that it may empty, but not remove
 */
export function scriptOutput({ log, show }: Pick<Tools, 'log' | 'show'>, writablePaths: readonly string[]) {
  const tail: string[] = [];
  let rest = '';
  let count = 0;
  let fault: string | undefined;
  let kept: string | undefined;

  function line(text: string): void {
    const folder = writablePaths.find((path) => notRemoved.exec(text)?.[1] === path);
    // Empty, which is what matters: most scripts make it again and go on.
    if (folder !== undefined) kept = folder;
    else fault ??= writeFault.exec(text)?.[0];
    const [, percent, what = ''] = /^PROGRESS (\d{1,3})(?: (.*))?$/.exec(text) ?? [];
    if (percent !== undefined) {
      show({ done: Math.min(Number(percent), 100), total: 100, unit: 'percent', bytes_per_s: null, text: what });
      return;
    }
    const clean = escapeControls(text.slice(0, maxLineLength));
    tail.push(clean);
    if (tail.length > tailLines) tail.shift();
    count++;
    if (count <= maxLoggedLines) log.info(`${scriptPrefix}${clean}`);
    else if (count === maxLoggedLines + 1) log.warn('install_update.sh prints too much: the rest is not logged');
  }

  return {
    push(text: string): void {
      const parts = (rest + text).split(/\r?\n/);
      // A line without an end must not fill the memory.
      rest = parts.pop()!.slice(0, 64 * 1024);
      parts.forEach(line);
    },
    /** The last lines. */
    end(): string[] {
      if (rest) line(rest);
      rest = '';
      return tail;
    },
    /** What the output says of a write that failed, if it does. */
    seen: (): string | undefined => fault,
    /** The writable folder that it wanted to remove; confined, it can but empty it. */
    kept: (): string | undefined => kept,
  };
}
