import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Has V8 hold as little memory as it can from here on. To be called when all is loaded: Node's own modules come
 * compiled, but for V8's own flags alone, and with others, as on the command line, each of them is compiled anew.
 */
export function keepHeapSmall(): void {
  // What streams past is not on the heap: room for young objects would only fill the memory.
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--optimize-for-size');
}

/** The same, for a process at rest: what its start and each update took would stay, as V8 collects when it needs room. */
export function giveBackMemory(): void {
  keepHeapSmall();
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  for (const timer of [setTimeout(collect, 10_000), setInterval(collect, 3600_000)]) timer.unref();
}
