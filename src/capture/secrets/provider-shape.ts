/**
 * Places that keep secrets, as the machine's configuration names them. Commands may stand here, and only here. Loaded with
 * a configuration: whoever has none needs no shape for it.
 */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';

const word = z.string().min(1).max(LIMITS.idChars);
const spec = z.string().min(1).max(2_048);
const specs = z.array(spec).min(1).max(LIMITS.secretAlternatives);
const ref = z.strictObject({
  item: word,
  field: word.optional(),
  vault: word.optional(),
  section: word.optional(),
  version: word.optional(),
});
const AliasShape = z.union([
  spec,
  z.strictObject({
    uri: spec,
    ref: ref.optional(),
    credentials: z
      .record(word, z.union([spec, z.strictObject({ provider: spec, ref: ref.optional() })]))
      .optional(),
  }),
  z.strictObject({ fallback: specs }),
]);
const argv = z
  .array(
    z
      .string()
      .max(1_024)
      .refine((text) => !text.includes('\0')),
  )
  .min(1)
  .max(64);
const CommandShape = z.strictObject({
  /** Prints the value. {item} is the name in the store. */
  get: argv,
  /** Takes it on standard input: a value is never an argument. */
  set: argv.optional(),
  delete: argv.optional(),
  /** Prints names, one a line. */
  list: argv.optional(),
  /** With {project}, {profile} and {key}. */
  item: word.optional(),
  /** Exit codes, or a text on standard error, that say that there is no such secret. Anything else failed. */
  missing_codes: z.array(z.int().min(1).max(255)).optional(),
  missing_text: word.optional(),
  /** Whether its output ends with a line break that is not of the value; true when absent. */
  newline: z.boolean().optional(),
  timeout_ms: z.int().min(100).max(600_000).optional(),
});

export const PROVIDER_SETTINGS = {
  /** Where secrets are kept when nothing else is said; several are asked in order, the first is written. */
  provider: z.union([spec, specs]).optional(),
  /** Names for places. */
  providers: z.record(word, AliasShape).optional(),
  /** Command-line managers, named by `exec://NAME`. */
  commands: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,63}$/), CommandShape).optional(),
  /** Where the machine's own secrets are kept, those of the broker among them, by their name. */
  credentials: z
    .record(word, z.union([spec, z.strictObject({ providers: specs.optional(), ref: ref.optional() })]))
    .optional(),
} as const;

const Shape = z.object(PROVIDER_SETTINGS);
export type ProviderSetting = z.infer<typeof Shape>;
export type SaidAlias = z.infer<typeof AliasShape>;
export type SaidCommand = z.infer<typeof CommandShape>;
