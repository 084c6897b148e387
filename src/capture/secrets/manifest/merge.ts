/**
 * Documents into one manifest: a project over what it extends, profiles over the default profile, and then the rules
 * that only the whole can keep. The precedence is that of the published program.
 */
import { didYouMean } from '../../../core/policy/suggest.ts';
import type { Alias } from '../provider.ts';
import type { DeclaredProfile, ManifestDocument } from './document.ts';
import type { DeclaredSecret } from './secret.ts';
import { parseTemplate } from './template.ts';
import type { Manifest, Profile, RequireReason, SecretDeclaration } from './types.ts';

export const DEFAULT_PROFILE = 'default';

/** What a document says of a thing, and which document: errors name the file that has to be changed. */
interface Said<T> {
  readonly value: T;
  readonly by: ManifestDocument;
}

interface OpenProfile {
  defaults: DeclaredProfile['defaults'];
  readonly secrets: Map<string, Said<DeclaredSecret>>;
  by: ManifestDocument;
}

/** `documents`: from the most general to the project’s own, each once. */
export function merge(
  documents: readonly [ManifestDocument, ...ManifestDocument[]],
  where: Pick<Manifest, 'path' | 'directory'>,
): Manifest {
  const aliases = new Map<string, Alias>();
  const scopes = new Map<string, Said<readonly string[]>>();
  const open = new Map<string, OpenProfile>();
  let requireReason: RequireReason | undefined;
  let own: ManifestDocument = documents[0];
  for (const by of documents) {
    own = by;
    requireReason = by.requireReason ?? requireReason;
    for (const [name, alias] of by.aliases) aliases.set(name, alias);
    for (const [name, value] of by.scopes) scopes.set(name, { value, by });
    for (const [name, profile] of by.profiles) overlay(open, name, profile, by);
  }
  if (open.size === 0)
    own.reader.fail(['profiles'], 'there is no profile', 'add [profiles.default] with the secrets it needs');
  const profiles = new Map<string, Profile>();
  for (const name of open.keys()) profiles.set(name, effective(name, open));
  const declared = new Set([...profiles.values()].flatMap(({ secrets }) => [...secrets.keys()]));
  for (const [name, { value, by }] of scopes)
    for (const secret of value)
      if (!declared.has(secret))
        by.reader.fail(
          ['scopes', name],
          `scope ${name} names ${secret}, which no profile declares`,
          suggestion(secret, declared),
        );
  return {
    ...where,
    project: own.project,
    requireReason,
    aliases,
    profiles,
    scopes: new Map([...scopes].map(([name, { value }]) => [name, value])),
  };
}

function suggestion(name: string, known: Iterable<string>): string {
  const guess = didYouMean(name, known);
  return guess === undefined ? 'declare it, or take it out' : `did you mean ${guess}?`;
}

function overlay(
  open: Map<string, OpenProfile>,
  name: string,
  profile: DeclaredProfile,
  by: ManifestDocument,
): void {
  const before = open.get(name);
  const secrets = before?.secrets ?? new Map<string, Said<DeclaredSecret>>();
  for (const [key, value] of profile.secrets) secrets.set(key, { value, by });
  const said = Object.entries(profile.defaults).filter(([, value]) => value !== undefined);
  open.set(name, { defaults: { ...before?.defaults, ...Object.fromEntries(said) }, secrets, by });
}

function effective(name: string, open: ReadonlyMap<string, OpenProfile>): Profile {
  const profile = open.get(name);
  if (profile === undefined) return { name, secrets: new Map() };
  const inherited =
    name === DEFAULT_PROFILE || profile.defaults.inherit === false ? undefined : open.get(DEFAULT_PROFILE);
  const names = [...new Set([...(inherited?.secrets.keys() ?? []), ...profile.secrets.keys()])].sort();
  if (names.length === 0)
    profile.by.reader.fail(
      ['profiles', name],
      `profile ${name} declares no secret`,
      'KEY = { description = "…" }',
    );
  const secrets = new Map<string, SecretDeclaration>();
  for (const key of names) {
    const current = profile.secrets.get(key);
    const base = inherited?.secrets.get(key);
    const by = (current ?? base)?.by ?? profile.by;
    const at = ['profiles', current === undefined ? DEFAULT_PROFILE : name, key];
    secrets.set(key, declaration(key, { current, base, defaults: profile.defaults }, by, at));
  }
  checkGroups(name, secrets, profile.by);
  checkComposed(name, secrets, profile.by);
  return { name, secrets };
}

interface Layers {
  readonly current: Said<DeclaredSecret> | undefined;
  readonly base: Said<DeclaredSecret> | undefined;
  readonly defaults: DeclaredProfile['defaults'];
}

/** The profile’s own word, then the default profile’s, then the profile’s table of defaults. */
function declaration(
  name: string,
  { current, base, defaults }: Layers,
  { reader }: ManifestDocument,
  at: readonly string[],
): SecretDeclaration {
  const pick = <K extends keyof DeclaredSecret>(field: K): DeclaredSecret[K] =>
    current?.value[field] ?? base?.value[field];
  const composed = pick('composed');
  const stored = composed === undefined ? defaults : {};
  const fallback = pick('default') ?? stored.default;
  const need = pick('need') ?? { required: defaults.required, groups: [] };
  const generate = pick('generate');
  const made = generate === false ? undefined : generate;
  const address = pick('address');
  const providers = pick('providers') ?? stored.providers;
  const fail = (field: string, message: string, hint: string): never =>
    reader.fail([...at, field], `${name}: ${message}`, hint);

  const description = pick('description');
  if (description === undefined || description.trim() === '')
    fail('description', 'no description', 'say what it is for: description = "…"');
  if (composed !== undefined) {
    const other = (['address', 'encoding', 'extract', 'type', 'prompt'] as const).find(
      (field) => pick(field) !== undefined && pick(field) !== false,
    );
    if (fallback !== undefined || providers !== undefined || made !== undefined || other !== undefined)
      fail('composed', 'a composed secret is made of others, and is kept nowhere', 'keep composed alone');
  }
  if (made !== undefined) {
    if (pick('type') === undefined) fail('generate', 'generate needs a type', 'type = "password"');
    if (fallback !== undefined) fail('generate', 'generate and default exclude each other', 'keep one');
    if (pick('extract') !== undefined)
      fail('extract', 'an extracted secret is read-only', 'take generate out');
    if (pick('type') === 'command' && made.command === undefined)
      fail(
        'generate',
        'type = "command" says which command',
        'generate = { command = "openssl rand -hex 32" }',
      );
  }
  if (pick('prompt') === true) {
    if (need.required === false || need.groups.length > 0)
      fail('prompt', 'only a required secret is prompted for', 'leave required out');
    if (fallback !== undefined || made !== undefined || pick('extract') !== undefined)
      fail('prompt', 'prompt excludes default, generate and extract', 'keep one of them');
  }
  const required = need.groups.length > 0 ? false : (need.required ?? fallback === undefined);
  return definedOnly({
    name,
    description,
    required,
    groups: need.groups,
    default: fallback,
    providers,
    ref: address?.ref,
    refs: address?.refs,
    encoding: pick('encoding'),
    extract: pick('extract'),
    composed,
    type: pick('type'),
    generate: made,
    asPath: pick('asPath') ?? false,
    prompt: pick('prompt') ?? false,
  });
}

type Undefinable<T> = { [K in keyof T]: T[K] | undefined };

/** Members that are not there are left out, not undefined. */
function definedOnly(value: Undefinable<Required<SecretDeclaration>>): SecretDeclaration {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as unknown as SecretDeclaration;
}

function checkGroups(
  profile: string,
  secrets: ReadonlyMap<string, SecretDeclaration>,
  { reader }: ManifestDocument,
): void {
  const groups = new Map<string, { modes: Set<string>; members: string[] }>();
  for (const { name, groups: memberships } of secrets.values())
    for (const { group, mode } of memberships) {
      const found = groups.get(group) ?? { modes: new Set(), members: [] };
      found.modes.add(mode);
      if (!found.members.includes(name)) found.members.push(name);
      groups.set(group, found);
    }
  for (const [group, { modes, members }] of groups) {
    const at = ['profiles', profile, members[0] ?? '', 'required'];
    if (modes.size > 1)
      reader.fail(at, `group ${group} is at_least_one and exactly_one`, 'give it one of them');
    if (members.length < 2) reader.fail(at, `group ${group} has one member`, 'a group is of two or more');
  }
}

function checkComposed(
  profile: string,
  secrets: ReadonlyMap<string, SecretDeclaration>,
  { reader }: ManifestDocument,
): void {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    const { composed } = secrets.get(name) ?? {};
    if (composed === undefined || done.has(name)) return;
    const at = ['profiles', profile, name, 'composed'];
    if (path.includes(name))
      reader.fail(
        at,
        `${[...path, name].join(' → ')} goes round in a ring`,
        'take one of the references out',
      );
    const template = parseTemplate(composed);
    if ('problem' in template)
      throw reader.fail(
        at,
        `${name}: ${template.problem}`,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a template
        'for example "postgres://${DB_USER}@${DB_HOST}/app"',
      );
    for (const other of template.names) {
      if (!secrets.has(other))
        reader.fail(
          at,
          `${name} is made of ${other}, which is not declared`,
          suggestion(other, secrets.keys()),
        );
      visit(other, [...path, name]);
    }
    done.add(name);
  };
  for (const name of secrets.keys()) visit(name, []);
}
