/**
 * What a token leaves of what it was derived from. Everything here only narrows: whatever is passed on is held against
 * what the giver has, and what a call has is what every hand on the way left, so that a record which claims more (of an
 * older version, or a forged cache) gives no more.
 */
import type { Contract } from '../policy/compiled.ts';

/** Undefined: everything. */
export type Scopes = readonly string[] | undefined;

/** Whether everything that `narrow` stands for is among what `wide` stands for. */
type Covers = (wide: string, narrow: string) => boolean;

/** Names may end in "*". */
const nameCovers: Covers = (wide, narrow) =>
  wide === narrow || (wide.endsWith('*') && narrow.startsWith(wide.slice(0, -1)));

/** "*.example.com" stands for every name below example.com. */
const hostCovers: Covers = (wide, narrow) =>
  wide === '*' ||
  wide === narrow ||
  (wide.startsWith('*.') && narrow.endsWith(wide.slice(1)) && narrow !== wide.slice(1));

type List = readonly string[] | undefined;

function meetLists(a: List, b: List, covers: Covers): List {
  if (a === undefined) return b;
  if (b === undefined) return a;
  const left = b.filter((name) => a.some((wide) => covers(wide, name)));
  const right = a.filter((name) => b.some((wide) => covers(wide, name)));
  return [...new Set([...left, ...right])];
}

export const meetScopes = (a: Scopes, b: Scopes): Scopes => meetLists(a, b, nameCovers);

/** Those that are asked for and not held. */
export function scopesBeyond(asked: Scopes, held: Scopes): readonly string[] {
  return (asked ?? []).filter((scope) => held !== undefined && !held.some((wide) => nameCovers(wide, scope)));
}

function union(a: List, b: List): List {
  if (a === undefined) return b;
  return b === undefined ? a : [...new Set([...a, ...b])];
}

const withList = <K extends string>(key: K, list: List): { readonly [P in K]?: readonly string[] } =>
  list === undefined ? {} : ({ [key]: list } as { readonly [P in K]?: readonly string[] });

/** What both leave. What one of them denies is denied. */
export function meetContracts(a: Contract | undefined, b: Contract | undefined): Contract | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  const allow = meetLists(a.credentials?.allow, b.credentials?.allow, nameCovers);
  const deny = union(a.credentials?.deny, b.credentials?.deny);
  return {
    ...(allow === undefined && deny === undefined
      ? {}
      : { credentials: { ...withList('allow', allow), ...withList('deny', deny) } }),
    ...withList('tools', meetLists(a.tools, b.tools, nameCovers)),
    ...withList('hosts', meetLists(a.hosts, b.hosts, hostCovers)),
  };
}

/** The names in `asked` that are beyond `held`. A list that is not asked for is taken over as it is held. */
export function contractBeyond(asked: Contract | undefined, held: Contract | undefined): readonly string[] {
  if (asked === undefined || held === undefined) return [];
  const beyond = (what: string, want: List, have: List, covers: Covers): readonly string[] =>
    (want ?? [])
      .filter((name) => have !== undefined && !have.some((wide) => covers(wide, name)))
      .map((name) => `${what} ${name}`);
  return [
    ...beyond('tool', asked.tools, held.tools, nameCovers),
    ...beyond('host', asked.hosts, held.hosts, hostCovers),
    ...beyond('credential', asked.credentials?.allow, held.credentials?.allow, nameCovers),
  ];
}
