/** One option of a verb. `value` is the word for its value in the help. */
export type Option = { readonly help: string } & (
  | { readonly type: 'boolean' }
  | { readonly type: 'string'; readonly value: string; readonly required?: true; readonly multiple?: true }
);

/** What the command line gives for an option: lists for `multiple`, undefined for what may be left out. */
type Value<O extends Option> = O extends { type: 'boolean' }
  ? boolean
  : O extends { multiple: true }
    ? readonly string[]
    : O extends { required: true }
      ? string
      : string | undefined;

/** What a verb did: lines for people, a value for scripts (`--json`), and an exit code other than 0. */
export interface Outcome {
  readonly text: string;
  readonly json: unknown;
  readonly exit?: number;
}

/** What a verb may ask of the world beside files: read once, in the entry file. */
export interface Tools {
  /** Seconds since the epoch. */
  readonly nowS: number;
  /** The file that this process runs. */
  readonly program: string;
}

export interface VerbOf<N extends string, O extends Readonly<Record<string, Option>>> {
  /** One line for the list of verbs. */
  readonly summary: string;
  /** Names of what follows the verb, all of them needed. */
  readonly operands: readonly N[];
  readonly options: O;
  /** What it does and refuses, for its help. */
  readonly details: string;
  /** Command lines that work as they stand, each with what it is for. */
  readonly examples: readonly (readonly [commandLine: string, purpose: string])[];
  run(args: Readonly<Record<N, string>> & { readonly [K in keyof O]: Value<O[K]> }, tools: Tools): Promise<Outcome>;
}

/** A verb as the table of verbs holds it. */
// biome-ignore lint/suspicious/noExplicitAny: the one place where the operands and options of all verbs meet
export type Verb = VerbOf<any, Readonly<Record<string, Option>>>;

/** Lets a verb's own table type its arguments. */
export const verb = <const N extends string, const O extends Readonly<Record<string, Option>>>(
  table: VerbOf<N, O>,
): Verb => table as unknown as Verb;
