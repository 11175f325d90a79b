import { componentNamePattern, hardwarePattern } from '../../protocol/component.ts';
import { UpdateError } from '../../protocol/errors.ts';
import * as s from '../../protocol/schema.ts';

const component = s.string(s.regex(componentNamePattern));
const board = s.string(s.regex(/^[A-Za-z0-9][A-Za-z0-9._,+-]{0,63}$/));

const hardwareSchema = s.strictObject({
  /** Revision of the box to the model's name for people. "generic" stands for every other one. */
  boards: s.record(board, s.strictObject({ model: s.string(s.minLength(1), s.maxLength(100)) })),
  /** Other names of boards, such as former ones. */
  renames: s.optional(s.record(s.string(s.maxLength(100)), board), {}),
  /** What an image holds unless the request says otherwise. */
  default: s.array(component, s.maxLength(200)),
  /** What no request can leave out. */
  protected: s.optional(s.array(component, s.maxLength(200)), []),
  /** Bytes of the packed image. */
  max_bytes: s.int(s.minValue(1)),
});

const profilesSchema = s.strictObject({
  hardware: s.record(s.string(s.regex(hardwarePattern)), hardwareSchema),
});

export type Hardware = s.Output<typeof hardwareSchema>;
export type Profiles = s.Output<typeof profilesSchema>;

/** @throws UpdateError CONFIG_INVALID with the key that is wrong */
export function parseProfiles(text: string): Profiles {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new UpdateError('CONFIG_INVALID', 'profiles.json is not JSON.', { cause });
  }
  const result = s.judge(profilesSchema, json);
  if (result.success) return result.data;
  throw new UpdateError('CONFIG_INVALID', `profiles.json ${s.misshapen(result)}.`);
}

/** The board that a box is: by its name, a former name, its model's name, or what stands for every other one. */
export function profileOf(
  { boards, renames }: Hardware,
  name: string | undefined,
  model: string | undefined,
): string | undefined {
  const own = <T>(table: Readonly<Record<string, T>>, key: string | undefined) =>
    key !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
  const renamed = own(renames, name) ?? name;
  if (own(boards, renamed)) return renamed;
  const wanted = model?.trim().toLowerCase();
  const byModel = Object.keys(boards).find((key) => boards[key]!.model.toLowerCase() === wanted);
  return byModel ?? (own(boards, 'generic') && 'generic');
}
