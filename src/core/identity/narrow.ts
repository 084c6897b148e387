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

/** "*.example.com" stands for every name below example.com, and a host without a port for every port. */
const hostCovers: Covers = (wide, narrow) => {
  if (wide === '*' || wide === narrow) return true;
  const [host, port] = hostAndPort(narrow);
  const [held, only] = hostAndPort(wide);
  if (only !== undefined && only !== port) return false;
  return held === host || (held.startsWith('*.') && host.endsWith(held.slice(1)));
};

/** Of the form that `formatHostPort` gives. */
function hostAndPort(text: string): readonly [host: string, port: string | undefined] {
  const [, host = text, port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return [host, port];
}

type List = readonly string[] | undefined;

function meetLists(a: List, b: List, covers: Covers): List {
  if (a === undefined) return b;
  if (b === undefined) return a;
  const left = b.filter((name) => a.some((wide) => covers(wide, name)));
  const right = a.filter((name) => b.some((wide) => covers(wide, name)));
  return [...new Set([...left, ...right])];
}

/** Scopes are compared whole. */
export function meetScopes(a: Scopes, b: Scopes): Scopes {
  if (a === undefined) return b;
  return b === undefined ? a : b.filter((scope) => a.includes(scope));
}

/** Those that are asked for and not held. */
export function scopesBeyond(asked: Scopes, held: Scopes): readonly string[] {
  return (asked ?? []).filter((scope) => held?.includes(scope) === false);
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
