import { UpdateError } from '../../protocol/errors.ts';

/** One server-sent event; `alive` is a comment, sent so that silence means that the daemon has gone. */
export type DaemonEvent = { readonly event: 'status' | 'log'; readonly data: unknown } | { readonly event: 'alive' };

/**
 * Reads server-sent events from text that comes in pieces; an event that the end cuts off is dropped.
 * @throws UpdateError INTERNAL for data that is not JSON
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html section 9.2.6
 */
export async function* readEvents(pieces: AsyncIterable<string>): AsyncGenerator<DaemonEvent> {
  let pending = '';
  let event = '';
  let data: string[] = [];
  for await (const piece of pieces) {
    const lines = (pending + piece).split(/\r?\n/);
    pending = lines.pop() ?? '';
    for (const line of lines) {
      const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (line.startsWith(':')) yield { event: 'alive' };
      else if (field === 'event') event = value;
      else if (field === 'data') data.push(value);
      else if (line === '') {
        // Other names are from a newer daemon; what it adds may be passed over.
        if (data.length > 0 && (event === 'status' || event === 'log')) yield { event, data: parsed(data.join('\n')) };
        event = '';
        data = [];
      }
    }
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new UpdateError('INTERNAL', 'The daemon sent an event that is not JSON.', { cause });
  }
}
