import type { Finding, NotRun } from './finding.ts';
import type { Payload } from './payload.ts';

/** What a benchmark is given. */
export interface Setting {
  readonly repo: string;
  /** Scratch folder of its own, on the disk of the cache. */
  readonly folder: string;
  readonly rounds: number;
  readonly quick: boolean;
  /** A package of so many megabytes unpacked. */
  payload(megabytes: number): Promise<Payload>;
  /** Serves a folder of packages by our server until the benchmark ends. @returns its URL */
  serve(folder: string): Promise<string>;
  /** The process of our server behind such a URL. */
  pidOf(url: string): number;
}

/** A group of figures that are measured together. Each file of `bench/` that has one says how. */
export interface Benchmark {
  readonly name: string;
  readonly quick: boolean;
  run(setting: Setting): Promise<(Finding | NotRun)[]>;
}
