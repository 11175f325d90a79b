import { type ErrorCode, errorCodes, isErrorCode } from '../../protocol/error-codes.ts';
import { columnsOf, cutTo, escaped } from './text.ts';

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;
export type Style = keyof typeof styles;
export type Piece = string | { readonly style: Style; readonly text: string };
export const styled = (style: Style, text: string): Piece => ({ style, text });

/**
 * The only way out to the terminal. Everything that goes through is escaped here, so that no release notes, log
 * line or script can send the terminal a control sequence; line ends and colours are added after that.
 */
export interface Screen {
  /** True: documents only, no prose. */
  readonly json: boolean;
  /** True: a person watches, and a line may be drawn over. */
  readonly live: boolean;
  /** True: a person can be asked. */
  readonly canAsk: boolean;
  /** Columns to keep within; Infinity where nothing needs to fit. */
  width(): number;
  line(...pieces: Piece[]): void;
  /** Like line, on standard error. */
  aside(...pieces: Piece[]): void;
  /** One JSON document on a line of its own. */
  document(value: unknown): void;
  /** Draws the bottom line anew; the next line() replaces it. */
  draw(text: string): void;
  /** Says what went wrong and what to do; answers with the exit code. */
  fault(fault: { readonly code: ErrorCode; readonly message: string; readonly todo: string }): number;
}

export function makeScreen({ stdin, stdout, stderr, env }: NodeJS.Process, json: boolean): Screen {
  const live = !json && stdout.isTTY === true && env.TERM !== 'dumb';
  let drawn = false;

  const paint = (piece: Piece, colour: boolean): string => {
    if (typeof piece === 'string') return escaped(piece);
    const text = escaped(piece.text);
    return colour ? `\u001b[${styles[piece.style]}m${text}\u001b[0m` : text;
  };
  const write = (stream: NodeJS.WriteStream, pieces: Piece[]): void => {
    if (drawn) stdout.write('\r\u001b[K');
    drawn = false;
    const colour = stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
    stream.write(`${pieces.map((piece) => paint(piece, colour)).join('')}\n`);
  };
  const width = (): number => (stdout.isTTY ? Math.max(stdout.columns || 80, 20) : Number.POSITIVE_INFINITY);

  const screen: Screen = {
    json,
    live,
    canAsk: live && stdin.isTTY === true,
    width,
    line: (...pieces) => write(stdout, pieces),
    aside: (...pieces) => write(stderr, pieces),
    // JSON escapes only the first 32 control characters by itself.
    document: (value) => void stdout.write(`${escaped(JSON.stringify(value))}\n`),
    draw(text) {
      const line = escaped(text);
      // One column stays free: some terminals begin a new line when the last one is filled.
      stdout.write(`\r\u001b[K${columnsOf(line) < width() ? line : cutTo(line, width() - 1)}`);
      drawn = true;
    },
    fault({ code, message, todo }) {
      if (json) screen.document({ code, message, todo });
      else {
        screen.aside(styled('red', `opq-updater: ${code}: ${message}`));
        screen.aside(`What to do: ${todo}.`);
      }
      return isErrorCode(code) ? errorCodes[code].exit : 1;
    },
  };
  return screen;
}
