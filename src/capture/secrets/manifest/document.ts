/** One `secretspec.toml` as it stands, checked member by member; nothing is inherited yet. */
import { parse, TomlError } from 'smol-toml';
import { LIMITS } from '../../../core/limits.ts';
import type { Alias, Ref } from '../provider.ts';
import { createReader, isTable, manifestError, type Reader, type Source, type Table } from './problem.ts';
import { type DeclaredSecret, readProviders, readRef, readSecret } from './secret.ts';
import type { RequireReason } from './types.ts';

export interface ProfileDefaults {
  readonly inherit?: boolean | undefined;
  readonly required?: boolean | undefined;
  readonly default?: string | undefined;
  readonly providers?: readonly string[] | undefined;
}

export interface DeclaredProfile {
  readonly defaults: ProfileDefaults;
  readonly secrets: ReadonlyMap<string, DeclaredSecret>;
}

export interface ManifestDocument {
  readonly source: Source;
  readonly reader: Reader;
  readonly project: string;
  readonly extends: readonly string[];
  readonly requireReason: RequireReason | undefined;
  readonly aliases: ReadonlyMap<string, Alias>;
  readonly profiles: ReadonlyMap<string, DeclaredProfile>;
  readonly scopes: ReadonlyMap<string, readonly string[]>;
}

/** Also the name of an environment variable. */
const SECRET_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Parts of the places where secrets are kept: no separators, nothing that a path takes for something else. */
const PLAIN_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.@+ -]*$/u;
const LATEST = '1.0';

export function isPlainName(name: string): boolean {
  return name.length <= LIMITS.idChars && PLAIN_NAME.test(name) && !name.includes('..');
}

export function isSecretName(name: string): boolean {
  return name.length <= LIMITS.idChars && SECRET_NAME.test(name);
}

export function readDocument(source: Source): ManifestDocument {
  const reader = createReader(source);
  const top = parseToml(source);
  if ('audit' in top)
    reader.fail(
      ['audit'],
      'a project’s file has no say in the audit log',
      'take [audit] out; what is recorded, and where, is for your own configuration (config.yaml)',
    );
  reader.only(top, [], ['project', 'profiles', 'providers', 'scopes']);
  if (top.project === undefined)
    reader.fail([], 'there is no [project]', 'begin with [project], name = "…", revision = "1.0"');
  const project = reader.table(top.project, ['project']);
  reader.only(project, ['project'], ['name', 'revision', 'extends', 'require_reason']);
  const name = reader.text(project, ['project'], 'name');
  if (name === undefined) reader.fail(['project'], 'the project has no name', 'name = "my-app"');
  else if (!isPlainName(name))
    reader.fail(
      ['project', 'name'],
      'a project’s name is letters, digits, spaces and . _ - @ +',
      'it is part of the place where its secrets are kept',
    );
  const revision = reader.text(project, ['project'], 'revision') ?? LATEST;
  if (revision !== LATEST)
    reader.fail(
      ['project', 'revision'],
      `revision "${revision.slice(0, 20)}" is not known here`,
      'update tallystick',
    );
  return {
    source,
    reader,
    project: name ?? '',
    extends: readExtends(reader, project),
    requireReason: readReason(reader, project),
    aliases: readAliases(reader, top),
    profiles: readProfiles(reader, top),
    scopes: readScopes(reader, top),
  };
}

function parseToml({ path, text }: Source): Table {
  try {
    return parse(text, { maxDepth: LIMITS.manifestDepth });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Its first line says what; the rest quotes the file.
    const what = (error.message.split('\n')[0] ?? '').replace('Invalid TOML document: ', '');
    throw manifestError(path, error, `not TOML: ${what}`, 'compare the line with https://toml.io/en/v1.0.0');
  }
}

function readExtends(reader: Reader, project: Table): readonly string[] {
  const list = reader.texts(project, ['project'], 'extends') ?? [];
  if (list.some((path) => path.trim() === '' || path.includes('\0')))
    reader.fail(['project', 'extends'], 'an empty path', 'extends = ["../shared"]');
  return list;
}

function readReason(reader: Reader, project: Table): RequireReason | undefined {
  const value = project.require_reason;
  if (value === undefined) return undefined;
  if (value === true) return 'always';
  if (value === false) return 'never';
  if (value === 'agents') return 'agents';
  return reader.fail(
    ['project', 'require_reason'],
    'require_reason is true, false or "agents"',
    'require_reason = "agents"',
  );
}

function readProfiles(reader: Reader, top: Table): ReadonlyMap<string, DeclaredProfile> {
  const profiles = new Map<string, DeclaredProfile>();
  for (const [name, value] of Object.entries(reader.table(top.profiles ?? {}, ['profiles']))) {
    const at = ['profiles', name];
    if (!isPlainName(name))
      reader.fail(at, 'a profile’s name is letters, digits, spaces and . _ - @ +', 'for example production');
    const table = reader.table(value, at);
    const secrets = new Map<string, DeclaredSecret>();
    for (const [key, declared] of Object.entries(table)) {
      if (key === 'defaults') continue;
      if (!isSecretName(key))
        reader.fail([...at, key], 'a secret’s name is letters, digits and "_"', 'for example DATABASE_URL');
      secrets.set(key, readSecret(reader, declared, [...at, key]));
    }
    profiles.set(name, { defaults: readDefaults(reader, table, [...at, 'defaults']), secrets });
  }
  return profiles;
}

function readDefaults(reader: Reader, profile: Table, at: readonly string[]): ProfileDefaults {
  if (profile.defaults === undefined) return {};
  const table = reader.table(profile.defaults, at);
  reader.only(table, at, ['inherit', 'required', 'default', 'providers']);
  return {
    inherit: reader.flag(table, at, 'inherit'),
    required: reader.flag(table, at, 'required'),
    default: reader.text(table, at, 'default'),
    providers: readProviders(reader, table, at),
  };
}

function readScopes(reader: Reader, top: Table): ReadonlyMap<string, readonly string[]> {
  const scopes = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(reader.table(top.scopes ?? {}, ['scopes']))) {
    const at = ['scopes', name];
    const table = reader.table(value, at);
    reader.only(table, at, ['secrets']);
    const secrets = reader.texts(table, at, 'secrets') ?? [];
    if (secrets.length === 0 || new Set(secrets).size !== secrets.length)
      reader.fail(at, 'a scope names secrets, each once', 'secrets = ["DATABASE_URL"]');
    scopes.set(name, secrets);
  }
  return scopes;
}

function readAliases(reader: Reader, top: Table): ReadonlyMap<string, Alias> {
  const entries = Object.entries(reader.table(top.providers ?? {}, ['providers']));
  return new Map(
    entries.map(([name, value]) => [name, readAlias(reader, value, ['providers', name])] as const),
  );
}

function readAlias(reader: Reader, value: unknown, at: readonly string[]): Alias {
  if (typeof value === 'string') return { specs: [value] };
  const table = reader.table(value, at);
  reader.only(table, at, ['uri', 'credentials', 'ref', 'fallback', 'cache']);
  const uri = reader.text(table, at, 'uri');
  const fallback = reader.texts(table, at, 'fallback');
  const specs = fallback ?? (uri === undefined ? [] : [uri]);
  if (specs.length === 0 || (uri !== undefined && fallback !== undefined))
    reader.fail(at, 'an alias says a uri, or fallback with several', 'uri = "keyring://"');
  const credentials = new Map<string, { provider: string; ref?: Ref | undefined }>();
  for (const [name, from] of Object.entries(reader.table(table.credentials ?? {}, [...at, 'credentials'])))
    credentials.set(name, readCredential(reader, from, [...at, 'credentials', name]));
  return {
    specs,
    ...(table.ref === undefined ? {} : { ref: readRef(reader, table.ref, [...at, 'ref']) }),
    ...(credentials.size === 0 ? {} : { credentials }),
  };
}

function readCredential(
  reader: Reader,
  value: unknown,
  at: readonly string[],
): { provider: string; ref?: Ref | undefined } {
  if (typeof value === 'string') return { provider: value };
  const table = isTable(value) ? value : reader.table(value, at);
  reader.only(table, at, ['provider', 'ref']);
  const provider = reader.text(table, at, 'provider');
  if (provider === undefined)
    return reader.fail(at, 'a credential says which provider has it', 'provider = "keyring"');
  return table.ref === undefined
    ? { provider }
    : { provider, ref: readRef(reader, table.ref, [...at, 'ref']) };
}
