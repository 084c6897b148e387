/** `allowlist` and `credentials`: where a call may go, and with what. */
import type { AllowedHost, CredentialRule, TunnelHost } from '../compiled.ts';
import { durabilityRank } from '../durability.ts';
import { parseHostPattern } from '../host-pattern.ts';
import { formatHostPort } from '../hosts.ts';
import { pathText } from '../problems.ts';
import type { PolicyFile } from '../schema.ts';
import { type Complain, present } from './complain.ts';

type FileLine = Exclude<NonNullable<PolicyFile['allowlist']>[number], string>;
type FileCredential = NonNullable<PolicyFile['credentials']>[string];
type Path = readonly PropertyKey[];

/** Of a list: each once, in its order. */
function distinct(
  list: readonly string[] | undefined,
  path: Path,
  complain: Complain,
): readonly string[] | undefined {
  const seen = new Set<string>();
  for (const [i, item] of (list ?? []).entries()) {
    if (seen.has(item)) complain([...path, i], { problem: `${pathText(path)} names ${item} twice` });
    seen.add(item);
  }
  return list;
}

function compileLine(line: string | FileLine, path: Path, complain: Complain): AllowedHost | undefined {
  const file: FileLine = typeof line === 'string' ? { host: line } : line;
  const parsed = parseHostPattern(file.host);
  if ('problem' in parsed) {
    complain(path, parsed);
    return undefined;
  }
  if (parsed.port !== undefined && file.port !== undefined && parsed.port !== file.port) {
    complain(path, { problem: `${pathText(path)} names two ports`, hint: 'name the port once' });
    return undefined;
  }
  return {
    host: parsed.host,
    ...present({
      port: parsed.port ?? file.port,
      http: file.http === true ? true : undefined,
      internal: file.internal === true ? true : undefined,
      ca: file.ca,
      durability: file.durability === 'intent' ? undefined : file.durability,
      methods: distinct(
        file.methods?.map((method) => method.toUpperCase()),
        [...path, 'methods'],
        complain,
      ),
      paths: distinct(file.paths, [...path, 'paths'], complain),
      projects: distinct(file.projects, [...path, 'projects'], complain),
      environments: distinct(file.environments, [...path, 'environments'], complain),
    }),
  };
}

const NARROWING = ['methods', 'paths', 'projects', 'environments'] as const;
const FLAGS = ['http', 'internal'] as const;

const isWhole = (line: AllowedHost): boolean => NARROWING.every((key) => line[key] === undefined);

const narrowingOf = (line: AllowedHost): string => JSON.stringify(NARROWING.map((key) => line[key] ?? null));

interface Seen {
  readonly at: number;
  readonly line: AllowedHost;
}

/** A line that another one makes idle looks as if it narrowed something. */
function idle(line: AllowedHost, at: number, before: readonly Seen[], complain: Complain): void {
  const key = formatHostPort(line.host, line.port);
  for (const earlier of before) {
    if (narrowingOf(earlier.line) === narrowingOf(line)) {
      complain(['allowlist', at], {
        problem: `${key} is listed twice (allowlist[${earlier.at}] and allowlist[${at}])`,
        hint: 'keep one of the two lines',
      });
      return;
    }
    const [whole, part] = isWhole(line) ? [line, earlier.line] : [earlier.line, line];
    if (
      isWhole(whole) &&
      FLAGS.every((flag) => part[flag] !== true || whole[flag] === true) &&
      durabilityRank(whole.durability) <= durabilityRank(part.durability)
    ) {
      complain(['allowlist', at], {
        problem: `allowlist[${earlier.at}] and allowlist[${at}] are both for ${key}, and one of them allows all of it`,
        hint: 'remove the line that narrows nothing, or the one that narrows',
      });
      return;
    }
  }
}

export function compileAllowlist(lines: PolicyFile['allowlist'], complain: Complain): readonly AllowedHost[] {
  const seen = new Map<string, Seen[]>();
  const out: AllowedHost[] = [];
  for (const [i, line] of (lines ?? []).entries()) {
    const compiled = compileLine(line, ['allowlist', i], complain);
    if (compiled === undefined) continue;
    const key = formatHostPort(compiled.host, compiled.port);
    const before = seen.get(key) ?? [];
    idle(compiled, i, before, complain);
    // A few are compared with each other; a thousand lines for one host need no more than that to be told.
    if (before.length < COMPARED) before.push({ at: i, line: compiled });
    seen.set(key, before);
    out.push(compiled);
  }
  return out;
}

const COMPARED = 100;

type FileTunnel = NonNullable<PolicyFile['tunnel']>[number];

/** Each host and port once. */
export function compileTunnel(lines: readonly FileTunnel[], complain: Complain): readonly TunnelHost[] {
  const seen = new Set<string>();
  return lines.flatMap((line, i) => {
    const path = ['tunnel', i];
    const file = typeof line === 'string' ? { host: line } : line;
    const parsed = parseHostPattern(file.host);
    if ('problem' in parsed) {
      complain(path, parsed);
      return [];
    }
    if (parsed.port !== undefined && file.port !== undefined && parsed.port !== file.port)
      complain(path, { problem: `${pathText(path)} names two ports`, hint: 'name the port once' });
    const port = parsed.port ?? file.port;
    const key = formatHostPort(parsed.host, port ?? TLS_PORT);
    if (seen.has(key))
      complain(path, { problem: `${key} is named twice under tunnel`, hint: 'keep one of the two' });
    seen.add(key);
    return [{ host: parsed.host, ...present({ port, internal: file.internal === true ? true : undefined }) }];
  });
}

const TLS_PORT = 443;

/** In their one form; what is none is told. */
export function compileHosts(
  hosts: readonly string[] | undefined,
  path: Path,
  complain: Complain,
): readonly string[] | undefined {
  return hosts?.flatMap((text, i) => {
    const parsed = parseHostPattern(text);
    if (!('problem' in parsed)) return [formatHostPort(parsed.host, parsed.port)];
    complain([...path, i], parsed);
    return [];
  });
}

export function compileCredential(ref: string, file: FileCredential, complain: Complain): CredentialRule {
  const path = ['credentials', ref];
  const methods = new Map<string, 'allow' | 'stop' | 'approval_required'>();
  for (const [method, verdict] of Object.entries(file.methods ?? {})) {
    const upper = method.toUpperCase();
    if (methods.has(upper))
      complain([...path, 'methods', method], { problem: `the method ${upper} is named twice` });
    methods.set(upper, verdict);
  }
  return present({
    hosts: compileHosts(file.hosts, [...path, 'hosts'], complain),
    agents: file.agents,
    styles: file.styles,
    methods: file.methods === undefined ? undefined : Object.fromEntries(methods),
    requires: file.requires,
  });
}
