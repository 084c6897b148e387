/** Places that keep secrets, as the machine's configuration names them. Commands may stand here, and only here. */
import { z } from 'zod';
import { LIMITS } from '../../core/limits.ts';
import type { SecretDeclaration } from './manifest/types.ts';
import type { Alias, Aliases } from './provider.ts';
import type { CommandPreset } from './providers/presets.ts';

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
const alias = z.union([
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
const command = z.strictObject({
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
  providers: z.record(word, alias).optional(),
  /** Command-line managers, named by `exec://NAME`. */
  commands: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,63}$/), command).optional(),
  /** Where the machine's own secrets are kept, those of the broker among them, by their name. */
  credentials: z
    .record(word, z.union([spec, z.strictObject({ providers: specs.optional(), ref: ref.optional() })]))
    .optional(),
} as const;

const Shape = z.object(PROVIDER_SETTINGS);
export type ProviderSetting = z.infer<typeof Shape>;

export interface ProviderSettings {
  readonly aliases: Aliases;
  readonly usual?: readonly string[];
  readonly commands: ReadonlyMap<string, CommandPreset>;
  readonly own: ReadonlyMap<string, SecretDeclaration>;
}

export function providerSettings({
  provider,
  providers,
  commands,
  credentials,
}: ProviderSetting): ProviderSettings {
  return {
    aliases: new Map(Object.entries(providers ?? {}).map(([name, said]) => [name, aliasOf(said)])),
    ...(provider === undefined ? {} : { usual: typeof provider === 'string' ? [provider] : provider }),
    commands: new Map(Object.entries(commands ?? {}).map(([name, said]) => [name, presetOf(said)])),
    own: new Map(
      Object.entries(credentials ?? {}).map(([name, said]) => [
        name,
        {
          name,
          required: true,
          groups: [],
          asPath: false,
          prompt: false,
          ...(typeof said === 'string'
            ? { providers: [said] }
            : {
                ...(said.providers === undefined ? {} : { providers: said.providers }),
                ...(said.ref === undefined ? {} : { ref: said.ref }),
              }),
        },
      ]),
    ),
  };
}

function aliasOf(said: z.infer<typeof alias>): Alias {
  if (typeof said === 'string') return { specs: [said] };
  if ('fallback' in said) return { specs: said.fallback };
  const { uri, ref: template, credentials } = said;
  return {
    specs: [uri],
    ...(template === undefined ? {} : { ref: template }),
    ...(credentials === undefined
      ? {}
      : {
          credentials: new Map(
            Object.entries(credentials).map(([name, from]) => [
              name,
              typeof from === 'string' ? { provider: from } : from,
            ]),
          ),
        }),
  };
}

function presetOf(said: z.infer<typeof command>): CommandPreset {
  const { missing_codes, missing_text, newline = true, timeout_ms, item = '{key}', get, set, list } = said;
  return {
    get,
    item,
    newline,
    ...(set === undefined ? {} : { set }),
    ...(said.delete === undefined ? {} : { delete: said.delete }),
    ...(list === undefined ? {} : { list }),
    ...(missing_codes === undefined ? {} : { missingCodes: missing_codes }),
    ...(missing_text === undefined ? {} : { missing: new RegExp(escaped(missing_text)) }),
    ...(timeout_ms === undefined ? {} : { timeoutMs: timeout_ms }),
  };
}

/** A text, not a pattern: what a configuration says must not take for ever to match. */
function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
