/** One secret as a document declares it, before anything is inherited. */
import { LIMITS } from '../../../core/limits.ts';
import type { Ref } from '../provider.ts';
import type { Reader, Table } from './problem.ts';
import type { Extract, Generate, Membership } from './types.ts';

export interface Required {
  readonly required?: boolean | undefined;
  readonly groups: readonly Membership[];
}

export interface DeclaredSecret {
  readonly description?: string | undefined;
  readonly need?: Required | undefined;
  readonly default?: string | undefined;
  readonly composed?: string | undefined;
  readonly providers?: readonly string[] | undefined;
  /** One setting in two forms: whichever is said replaces what would be inherited of both. */
  readonly address?: { readonly ref?: Ref; readonly refs?: ReadonlyMap<string, Ref> } | undefined;
  readonly asPath?: boolean | undefined;
  readonly encoding?: 'base64' | 'base64url' | 'hex' | undefined;
  readonly extract?: Extract | undefined;
  readonly type?: string | undefined;
  /** false: switched off, so that it is not inherited. */
  readonly generate?: Generate | false | undefined;
  readonly prompt?: boolean | undefined;
}

const FIELDS = [
  'description',
  'required',
  'default',
  'composed',
  'providers',
  'ref',
  'refs',
  'as_path',
  'encoding',
  'extract',
  'type',
  'generate',
  'prompt',
] as const;
const REF_FIELDS = ['item', 'field', 'vault', 'section', 'version'] as const;
const TYPES = ['password', 'hex', 'base64', 'uuid', 'command', 'rsa_private_key'] as const;
const MODES = ['at_least_one', 'exactly_one'] as const;

export function readSecret(reader: Reader, value: unknown, at: readonly string[]): DeclaredSecret {
  const table = reader.table(value, at);
  reader.only(table, at, FIELDS);
  const fallback = reader.text(table, at, 'default');
  if (fallback !== undefined && Buffer.byteLength(fallback) > LIMITS.secretMaxBytes)
    reader.fail([...at, 'default'], 'the default is too large', 'keep large values in files');
  // Of one declaration only: a profile may require what the default profile gives a default.
  if (fallback !== undefined && table.required === true)
    reader.fail(
      [...at, 'default'],
      `${at.at(-1)}: required = true and a default exclude each other`,
      'take one of them out',
    );
  return {
    description: reader.text(table, at, 'description'),
    need: readRequired(reader, table, at),
    default: fallback,
    composed: reader.text(table, at, 'composed'),
    providers: readProviders(reader, table, at),
    address: readAddress(reader, table, at),
    asPath: reader.flag(table, at, 'as_path'),
    encoding: reader.oneOf(table, at, 'encoding', ['base64', 'base64url', 'hex']),
    extract: readExtract(reader, table, at),
    type: reader.oneOf(table, at, 'type', TYPES),
    generate: readGenerate(reader, table, at),
    prompt: reader.flag(table, at, 'prompt'),
  };
}

export function readProviders(
  reader: Reader,
  table: Table,
  at: readonly string[],
): readonly string[] | undefined {
  const list = reader.texts(table, at, 'providers');
  if (list === undefined) return undefined;
  const here = [...at, 'providers'];
  if (list.length === 0)
    reader.fail(here, 'providers names none', 'leave it out to use the machine’s own setting');
  if (list.length > LIMITS.secretAlternatives)
    reader.fail(here, `more than ${LIMITS.secretAlternatives} providers`, 'keep the ones that can answer');
  if (list.some((spec) => spec.trim() === ''))
    reader.fail(here, 'an empty provider', 'name one, for example "keyring"');
  return list;
}

function readRequired(reader: Reader, table: Table, at: readonly string[]): Required | undefined {
  const { required } = table;
  if (required === undefined) return undefined;
  if (typeof required === 'boolean') return { required, groups: [] };
  const here = [...at, 'required'];
  const groups = reader.table(required, here);
  reader.only(groups, here, MODES);
  const memberships = MODES.flatMap((mode) => {
    const said = groups[mode];
    if (said === undefined) return [];
    const names = typeof said === 'string' ? [said] : (reader.texts(groups, here, mode) ?? []);
    const bad = names.length === 0 || names.some((name) => name.trim() === '');
    if (bad || new Set(names).size !== names.length)
      reader.fail([...here, mode], `${mode} names a group, or several different ones`, `${mode} = "auth"`);
    return names.map((group): Membership => ({ mode, group }));
  });
  if (memberships.length === 0)
    reader.fail(here, 'required names no group', 'required = { at_least_one = "auth" }');
  return { groups: memberships };
}

export function readRef(reader: Reader, value: unknown, at: readonly string[]): Ref {
  if (typeof value === 'string')
    reader.fail(at, 'a ref is a table, never a text', 'ref = { item = "…", field = "…" }');
  const table = reader.table(value, at);
  reader.only(table, at, REF_FIELDS);
  const [item, field, vault, section, version] = REF_FIELDS.map((name) => {
    const text = reader.text(table, at, name);
    if (text !== undefined && (text.trim() === '' || text.includes('\0')))
      reader.fail([...at, name], `${name} is empty`, 'leave it out, or name something');
    return text;
  });
  if (item === undefined)
    return reader.fail(at, 'a ref says which item', 'ref = { item = "the store’s own name" }');
  return { item, field, vault, section, version };
}

function readAddress(reader: Reader, table: Table, at: readonly string[]): DeclaredSecret['address'] {
  const { ref, refs } = table;
  if (ref !== undefined && refs !== undefined)
    reader.fail([...at, 'refs'], 'ref and refs cannot both be set', 'keep refs, one for each alias');
  if (ref !== undefined) return { ref: readRef(reader, ref, [...at, 'ref']) };
  if (refs === undefined) return undefined;
  const here = [...at, 'refs'];
  const entries = Object.entries(reader.table(refs, here));
  if (entries.length === 0) reader.fail(here, 'refs names no alias', 'refs = { alias = { item = "…" } }');
  return {
    refs: new Map(entries.map(([alias, value]) => [alias, readRef(reader, value, [...here, alias])])),
  };
}

function readExtract(reader: Reader, table: Table, at: readonly string[]): Extract | undefined {
  if (table.extract === undefined) return undefined;
  const here = [...at, 'extract'];
  const value = reader.table(table.extract, here);
  reader.only(value, here, ['format', 'pointer']);
  const format = reader.oneOf(value, here, 'format', ['json', 'ini']);
  const pointer = reader.text(value, here, 'pointer');
  if (format === undefined || pointer === undefined)
    return reader.fail(
      here,
      'extract says format and pointer',
      'extract = { format = "json", pointer = "/a/b" }',
    );
  if ((pointer !== '' && !pointer.startsWith('/')) || /~(?![01])/.test(pointer))
    reader.fail(
      [...here, 'pointer'],
      'that is no JSON pointer (RFC 6901)',
      'for example "/database/password"',
    );
  return { format, pointer };
}

function readGenerate(reader: Reader, table: Table, at: readonly string[]): DeclaredSecret['generate'] {
  const { generate } = table;
  if (generate === undefined || generate === false) return generate;
  if (generate === true) return {};
  const here = [...at, 'generate'];
  const value = reader.table(generate, here);
  reader.only(value, here, ['length', 'charset', 'bytes', 'bits', 'command']);
  const made = {
    length: reader.count(value, here, 'length', LIMITS.generatedChars),
    charset: reader.oneOf(value, here, 'charset', ['alphanumeric', 'ascii'] as const),
    bytes: reader.count(value, here, 'bytes', LIMITS.generatedChars),
    bits: reader.count(value, here, 'bits', LIMITS.generatedRsaBits),
    command: reader.text(value, here, 'command'),
  };
  return Object.fromEntries(Object.entries(made).filter(([, said]) => said !== undefined));
}
