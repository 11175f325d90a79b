import { setTimeout as sleep } from 'node:timers/promises';

/** Generous: Node alone takes seconds on a slow box. */
const answerMs = 60_000;

/**
 * What an opq-updater.js says its version is: the one word that every version of it understands, also in years.
 * @returns what it did in place of that, when it did
 */
export async function saidVersion(program: string): Promise<string> {
  const { execa } = await import('execa');
  const asked = execa(process.execPath, [program, '--version', '--json'], {
    reject: false,
    stdin: 'ignore',
    stderr: 'ignore',
    timeout: answerMs,
    killSignal: 'SIGKILL',
    maxBuffer: 65_536,
  });
  const ended = new AbortController();
  // What it leaves behind may hold its output open.
  const late = sleep(answerMs + 5000, undefined, { signal: ended.signal }).catch(() => undefined); // it answered
  const answer = await Promise.race([asked, late]);
  ended.abort();
  if (answer === undefined || answer.timedOut) return `no answer in ${answerMs / 1000} s`;
  if (answer.exitCode !== 0) return `exit code ${answer.exitCode ?? answer.signal}`;
  try {
    return String(JSON.parse(answer.stdout).version);
  } catch {
    return `no JSON: ${answer.stdout}`;
  }
}
