import { request } from 'node:http';
import { join } from 'node:path';
import { UpdateError } from '../../../protocol/errors.ts';

/** Asks the first process of a scratch box; calls back for each line of JSON, resolves with the last one. */
export function askInit<T>(root: string, path: string, input: object, onLine?: (line: T) => void): Promise<T> {
  const socketPath = join(root, 'run/init.sock');
  return new Promise((resolve, reject) => {
    const fail = (cause: Error) =>
      reject(new UpdateError('INTERNAL', `The scratch box at ${root} does not answer: ${cause.message}.`, { cause }));
    const question = request({ socketPath, path, method: 'POST' }, async (answer) => {
      try {
        let last: T | undefined;
        const take = (line: string) => {
          if (answer.statusCode !== 200) throw new Error(line);
          last = JSON.parse(line) as T;
          onLine?.(last);
        };
        let rest = '';
        for await (const text of answer.setEncoding('utf8')) {
          const lines = `${rest}${text}`.split('\n');
          rest = lines.pop() ?? '';
          lines.forEach(take);
        }
        if (rest) take(rest);
        if (last === undefined) throw new Error('it broke off');
        resolve(last);
      } catch (error) {
        fail(error as Error);
      }
    });
    question.once('error', fail);
    question.end(JSON.stringify(input));
  });
}
