/** What differs between two policies in what they mean, section by section. Pure; linear in their size. */
import { canonicalize } from '../canonical.ts';
import type { Json } from '../json.ts';
import type { AllowedHost, CompiledPolicy } from './compiled.ts';
import { formatHostPort } from './hosts.ts';

export interface PolicyDifference {
  readonly section: string;
  readonly what: 'added' | 'removed' | 'changed' | 'moved';
  /** Within the section: a line, a user, a rule. Absent: the section itself. */
  readonly name?: string;
  readonly before?: Json;
  readonly after?: Json;
}

const text = (value: unknown): string => canonicalize(value);
const json = (value: unknown): Json => value as Json;

/** A line as its author would write it, without what narrows it. */
export function lineName(line: AllowedHost): string {
  const flags = `${line.http === true ? ' http' : ''}${line.internal === true ? ' internal' : ''}`;
  return formatHostPort(line.host, line.port) + flags;
}

type Members = { readonly [name: string]: unknown };

/** Every member by itself; of those that both have, member by member again one level down. */
function byName(section: string, before: Members, after: Members, deep: boolean): PolicyDifference[] {
  const out: PolicyDifference[] = [];
  for (const [name, value] of Object.entries(before)) {
    if (!Object.hasOwn(after, name)) {
      out.push({ section, what: 'removed', name, before: json(value) });
      continue;
    }
    const now = after[name];
    if (text(value) === text(now)) continue;
    if (deep && isMembers(value) && isMembers(now)) {
      for (const inner of byName(section, value, now, false))
        out.push({ ...inner, what: 'changed', name: `${name}.${inner.name ?? ''}` });
    } else out.push({ section, what: 'changed', name, before: json(value), after: json(now) });
  }
  for (const [name, value] of Object.entries(after))
    if (!Object.hasOwn(before, name)) out.push({ section, what: 'added', name, after: json(value) });
  return out;
}

/** A rate is one value: half of one says nothing. */
const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !('window_ms' in value);

function lines(
  section: string,
  before: readonly AllowedHost[],
  after: readonly AllowedHost[],
): PolicyDifference[] {
  const had = new Set(before.map(text));
  const has = new Set(after.map(text));
  return [
    ...before
      .filter((line) => !has.has(text(line)))
      .map((line) => ({
        section,
        what: 'removed' as const,
        name: lineName(line),
        before: json(line),
      })),
    ...after
      .filter((line) => !had.has(text(line)))
      .map((line) => ({
        section,
        what: 'added' as const,
        name: lineName(line),
        after: json(line),
      })),
  ];
}

type Named = { readonly id?: string; readonly name?: string };

/** By id, and in which order: of several that say the same, the first is told. */
function listed(section: string, before: readonly Named[], after: readonly Named[]): PolicyDifference[] {
  const nameOf = ({ id, name }: Named): string => id ?? name ?? '';
  const of = (list: readonly Named[]): Members => Object.fromEntries(list.map((one) => [nameOf(one), one]));
  const out = byName(section, of(before), of(after), true);
  const common = (list: readonly Named[], other: readonly Named[]): readonly string[] => {
    const names = new Set(other.map(nameOf));
    return list.map(nameOf).filter((name) => names.has(name));
  };
  const was = common(before, after);
  const is = common(after, before);
  const at = was.findIndex((name, i) => name !== is[i]);
  return at === -1
    ? out
    : [
        ...out,
        { section, what: 'moved', name: was[at] ?? '', before: at + 1, after: is.indexOf(was[at] ?? '') + 1 },
      ];
}

const NAMED = ['credentials', 'agents', 'roles', 'users', 'tools', 'facts', 'defaults'] as const;
const PLAIN = ['version', 'mode', 'unlisted'] as const;
/** What a file that says nothing of `unlisted` means. */
const BLOCK = 'block';
const MEMBERS = ['identity', 'limits', 'budgets', 'approvals'] as const;

/** In the order of the file's sections. Empty: they mean the same, whatever their texts are. */
export function policyChanges(before: CompiledPolicy, after: CompiledPolicy): readonly PolicyDifference[] {
  const out: PolicyDifference[] = [];
  for (const section of PLAIN)
    if (before[section] !== after[section])
      out.push({
        section,
        what: 'changed',
        before: before[section] ?? BLOCK,
        after: after[section] ?? BLOCK,
      });
  out.push(...lines('allowlist', before.allowlist, after.allowlist));
  out.push(...lines('tunnel', before.tunnel ?? [], after.tunnel ?? []));
  for (const section of [...MEMBERS, ...NAMED]) {
    const [was, is] = [before[section], after[section]];
    // Of users, nobody is listed and nothing is said are two different things.
    if (section === 'users' && (was === undefined) !== (is === undefined))
      out.push({ section, what: is === undefined ? 'removed' : 'added' });
    out.push(...byName(section, { ...was }, { ...is }, true));
  }
  out.push(...listed('rules', before.rules ?? [], after.rules ?? []));
  out.push(...listed('alerts', before.alerts?.rules ?? [], after.alerts?.rules ?? []));
  return out;
}
