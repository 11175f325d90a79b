/** Schemas of what comes from outside as JSON: valibot's, which take a list for an object and Infinity for a number. */
import * as v from 'valibot';
import { quote } from './version.ts';

export {
  base64,
  boolean,
  check,
  forward,
  gtValue,
  ipv4,
  literal,
  maxLength,
  maxValue,
  minLength,
  minValue,
  nullable,
  optional,
  picklist,
  pipe,
  readonly,
  regex,
  startsWith,
  transform,
  trim,
  union,
  unknown,
  variant,
} from 'valibot';
export type Schema<I = unknown, O = I> = v.GenericSchema<I, O>;
export type Input<S extends v.GenericSchema> = v.InferInput<S>;
export type Output<S extends v.GenericSchema> = v.InferOutput<S>;

/** What more a value of a type is to be; nothing that makes another type of it. */
type Rule<T> = v.PipeItem<T, T, v.BaseIssue<unknown>> | v.CheckAction<unknown, string | undefined>;

const ruled = <I, O>(schema: v.GenericSchema<I, O>, rules: readonly Rule<O>[]): v.GenericSchema<I, O> =>
  rules.length === 0 ? schema : (v.pipe(schema, ...(rules as [])) as v.GenericSchema<I, O>);

export const string = (...rules: Rule<string>[]): v.GenericSchema<string> => ruled(v.string(), rules);
export const number = (...rules: Rule<number>[]): v.GenericSchema<number> => ruled(v.number(), [v.finite(), ...rules]);
/** A whole number that is exact. */
export const int = (...rules: Rule<number>[]): v.GenericSchema<number> =>
  ruled(v.number(), [v.safeInteger(), ...rules]);
/** The same as a text, as an address carries it. */
export const intInText = (...rules: Rule<number>[]): v.GenericSchema<string | number, number> =>
  v.pipe(v.union([v.string(), v.number()]), v.transform(Number), int(...rules));
/** Yes or no as a text. */
export const flagInText = (): v.GenericSchema<'true' | 'false', boolean> =>
  v.pipe(
    v.picklist(['true', 'false']),
    v.transform((text) => text === 'true'),
  );
export const array = <S extends v.GenericSchema>(
  item: S,
  ...rules: Rule<v.InferOutput<S>[]>[]
): v.GenericSchema<v.InferInput<S>[], v.InferOutput<S>[]> => ruled(v.array(item), rules as []);

/** Other keys are left out. */
export const object = <const E extends v.ObjectEntries>(entries: E) => noList(v.object(entries));
/** Other keys are refused. */
export const strictObject = <const E extends v.ObjectEntries>(entries: E) => noList(v.strictObject(entries));
/** Other keys are kept. */
export const looseObject = <const E extends v.ObjectEntries>(entries: E) => noList(v.looseObject(entries));
export const record = <
  const K extends v.BaseSchema<string, string, v.BaseIssue<unknown>>,
  const S extends v.GenericSchema,
>(
  key: K,
  value: S,
) => noList(v.record(key, value));

/** Left out of every record by valibot, without a word. */
const lostNames = ['__proto__', 'constructor', 'prototype'];

function noList<S extends v.GenericSchema & { readonly expects: string }>(schema: S): S {
  const run = schema['~run'];
  return Object.assign(schema, {
    '~run'(this: S, dataset: Parameters<S['~run']>[0], config: Parameters<S['~run']>[1]) {
      const { value } = dataset;
      const lost = schema.type === 'record' && lostNames.find((name) => Object.hasOwn(Object(value), name));
      if (!Array.isArray(value) && !lost) return run.call(this, dataset, config);
      v._addIssue(this, 'type', dataset as never, config, lost ? { message: `${lost} cannot be a key` } : undefined);
      return dataset as ReturnType<S['~run']>;
    },
  });
}

export interface Complaint {
  /** Keys and places down to what is wrong; none at the top. */
  readonly path: readonly string[];
  /** Half a sentence, safe to show. */
  readonly message: string;
  /** The key at `path` is none that there is. */
  readonly unknownKey: boolean;
}
export type Judged<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly complaints: readonly [Complaint, ...Complaint[]] };

/** @param all whether all that is wrong is wanted: of what a stranger sends that may be a million things */
export function judge<S extends v.GenericSchema>(schema: S, json: unknown, all = false): Judged<v.InferOutput<S>> {
  const { success, output, issues } = v.safeParse(schema, json, { message: say, abortEarly: !all });
  if (success) return { success, data: output };
  const [first, ...others] = issues;
  return { success: false, complaints: [complaint(first), ...others.map(complaint)] };
}

/** For those who have one answer to all that is wrong. @throws Error that says what it is */
export function parse<S extends v.GenericSchema>(schema: S, json: unknown): v.InferOutput<S> {
  const judged = judge(schema, json);
  if (judged.success) return judged.data;
  throw new Error(misshapen(judged));
}

/** What is wrong with JSON that a schema refuses: the first of it, to go after the name of the file. */
export function misshapen({ complaints: [{ path, message }] }: Judged<unknown> & { success: false }): string {
  return path.length === 0 ? `is wrong: ${message}` : `is wrong at ${quote(path.join('.'))}: ${message}`;
}

const complaint = (issue: v.BaseIssue<unknown>): Complaint => ({
  path: (issue.path ?? []).map(({ key }) => String(key)),
  message: issue.message,
  unknownKey: issue.expected === 'never',
});

function say({ expected, received, input, type }: v.BaseIssue<unknown>): string {
  if (expected === 'never') return 'no such key';
  if (input === undefined) return 'it is missing';
  const what = type.endsWith('_length') ? `a length ${expected}` : (expected ?? 'something else');
  return `expected ${what}, found ${typeof input === 'string' && !type.endsWith('_length') ? quote(input) : quote(received).slice(1, -1)}`;
}
