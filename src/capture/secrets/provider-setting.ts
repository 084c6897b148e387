/** What the machine's configuration says of places that keep secrets, as it is asked for. */
import type { SecretDeclaration } from './manifest/types.ts';
import type { Alias, Aliases } from './provider.ts';
import type { ProviderSetting, SaidAlias, SaidCommand } from './provider-shape.ts';
import type { CommandPreset } from './providers/presets.ts';

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

function aliasOf(said: SaidAlias): Alias {
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

function presetOf(said: SaidCommand): CommandPreset {
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
