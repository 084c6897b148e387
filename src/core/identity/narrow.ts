/**
 * What a token leaves of what it was derived from. Everything here only narrows: whatever is passed on is held against
 * what the giver has, and what a call has is what every hand on the way left, so that a record which claims more (of an
 * older version, or a forged cache) gives no more.
 */
import type { Contract } from '../policy/compiled.ts';

/** Undefined: everything. */
export type Scopes = readonly string[] | undefined;

/** What two entries of a list both stand for; undefined: nothing. */
type Meet = (a: string, b: string) => string | undefined;

/** Names may end in "*". */
const meetNames: Meet = (a, b) => {
  if (a === b || beginsWith(a, b)) return b;
  return beginsWith(b, a) ? a : undefined;
};

const beginsWith = (wide: string, name: string): boolean =>
  wide.endsWith('*') && name.startsWith(wide.slice(0, -1));

/** "*.example.com" stands for every name below example.com, and a host without a port for every port. */
const meetHosts: Meet = (a, b) => {
  const [hostA, portA] = hostAndPort(a);
  const [hostB, portB] = hostAndPort(b);
  if (portA !== undefined && portB !== undefined && portA !== portB) return undefined;
  const host = hostA === hostB || isBelow(hostB, hostA) ? hostB : isBelow(hostA, hostB) ? hostA : undefined;
  const port = portA ?? portB;
  return host === undefined || port === undefined ? host : `${host}:${port}`;
};

const isBelow = (host: string, wide: string): boolean =>
  wide.startsWith('*.') && host.endsWith(wide.slice(1));

/** Of the form that `formatHostPort` gives. */
function hostAndPort(text: string): readonly [host: string, port: string | undefined] {
  const [, host = text, port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return [host, port];
}

type List = readonly string[] | undefined;

function meetLists(a: List, b: List, meet: Meet): List {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return [...new Set(b.flatMap((name) => a.flatMap((other) => meet(other, name) ?? [])))];
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
  const allow = meetLists(a.credentials?.allow, b.credentials?.allow, meetNames);
  const deny = union(a.credentials?.deny, b.credentials?.deny);
  return {
    ...(allow === undefined && deny === undefined
      ? {}
      : { credentials: { ...withList('allow', allow), ...withList('deny', deny) } }),
    ...withList('tools', meetLists(a.tools, b.tools, meetNames)),
    ...withList('hosts', meetLists(a.hosts, b.hosts, meetHosts)),
  };
}

/** The names in `asked` that are beyond `held`. A list that is not asked for is taken over as it is held. */
export function contractBeyond(asked: Contract | undefined, held: Contract | undefined): readonly string[] {
  if (asked === undefined || held === undefined) return [];
  const beyond = (what: string, want: List, have: List, meet: Meet): readonly string[] =>
    (want ?? [])
      .filter((name) => have !== undefined && !have.some((wide) => meet(wide, name) === name))
      .map((name) => `${what} ${name}`);
  return [
    ...beyond('tool', asked.tools, held.tools, meetNames),
    ...beyond('host', asked.hosts, held.hosts, meetHosts),
    ...beyond('credential', asked.credentials?.allow, held.credentials?.allow, meetNames),
  ];
}
