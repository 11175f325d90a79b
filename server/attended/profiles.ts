import * as z from 'zod';
import { componentNamePattern, hardwarePattern } from '../../protocol/component.ts';
import { UpdateError } from '../../protocol/errors.ts';

const component = z.string().regex(componentNamePattern);
const board = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._,+-]{0,63}$/);

const hardwareSchema = z.strictObject({
  /** Revision of the box to the model's name for people. "generic" stands for every other one. */
  boards: z.record(board, z.strictObject({ model: z.string().min(1).max(100) })),
  /** Other names of boards, such as former ones. */
  renames: z.record(z.string().max(100), board).default({}),
  /** What an image holds unless the request says otherwise. */
  default: z.array(component).max(200),
  /** What no request can leave out. */
  protected: z.array(component).max(200).default([]),
  /** Bytes of the packed image. */
  max_bytes: z.int().positive(),
});

const profilesSchema = z.strictObject({
  hardware: z.record(z.string().regex(hardwarePattern), hardwareSchema),
});

export type Hardware = z.output<typeof hardwareSchema>;
export type Profiles = z.output<typeof profilesSchema>;

/** @throws UpdateError CONFIG_INVALID with the key that is wrong */
export function parseProfiles(text: string): Profiles {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new UpdateError('CONFIG_INVALID', 'profiles.json is not JSON.', { cause });
  }
  const result = profilesSchema.safeParse(json);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new UpdateError('CONFIG_INVALID', `profiles.json is wrong at "${path.join('.')}": ${message}.`);
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
