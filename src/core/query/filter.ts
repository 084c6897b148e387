/**
 * Which calls somebody wants to see. A filter has two faces: `matches` decides, on parsed entries; `needles` are byte
 * strings that a matching line must contain, so that a scan of millions of lines parses only those that can match.
 * Entries are RFC 8785 text, so a member with a known value has exactly one spelling.
 */
import { encodeUtf8 } from '../bytes.ts';
import { type Call, type Facts, factsOf } from './call.ts';
import { numberAt } from './fields.ts';
import { hasWords } from './words.ts';

export interface LogFilter {
  readonly agent?: string;
  readonly token?: string;
  readonly identity?: string;
  readonly credential?: string;
  readonly run?: string;
  readonly step?: string;
  readonly session?: string;
  readonly tenant?: string;
  /** The id in `actor.user`, or the user of the operating system. */
  readonly user?: string;
  readonly onBehalfOf?: string;
  readonly tool?: string;
  readonly action?: string;
  readonly surface?: string;
  readonly project?: string;
  readonly environment?: string;
  /** Exact types, or a family: `secret` or `secret.*`. Any of them. */
  readonly types?: readonly string[];
  /** Exact types whose rows are left out. */
  readonly notTypes?: readonly string[];
  /** Exact, or `*.example.com` for every host below it. */
  readonly host?: string;
  readonly method?: string;
  /** An outcome status, or an HTTP status code. */
  readonly status?: string | number;
  readonly statusClass?: StatusClass;
  readonly decision?: string;
  readonly reasonCode?: string;
  readonly layer?: string;
  readonly phase?: string;
  /** Status code of 400 or more, blocked, or no answer at all. */
  readonly failed?: boolean;
  /** Stopped before it started. */
  readonly blocked?: boolean;
  /** Open, or ended with a person being asked. */
  readonly pending?: boolean;
  /** Something was scrubbed from the answer. */
  readonly redacted?: boolean;
  /** Every word of it is a word of the call (words.ts). */
  readonly text?: string;
  /** RFC 3339 UTC with milliseconds, like `ts`: inclusive. */
  readonly since?: string;
  /** Exclusive. */
  readonly until?: string;
}

export const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx', 'error'] as const;
export type StatusClass = (typeof STATUS_CLASSES)[number];

/** Outcomes without an answer from upstream. */
const NO_ANSWER: ReadonlySet<string> = new Set(['error', 'timeout', 'aborted']);

/** Whether a row is wanted, as far as facts tell: `text` is for `matchesCall`, which has the entries. */
export function matches(
  facts: Omit<Facts, 'index' | 'subject'> & { readonly end?: number },
  filter: LogFilter,
): boolean {
  return (
    same(filter.agent, facts.agent) &&
    same(filter.token, facts.token) &&
    same(filter.identity, facts.identity) &&
    same(filter.run, facts.run) &&
    same(filter.step, facts.step) &&
    same(filter.session, facts.session) &&
    same(filter.tenant, facts.tenant) &&
    same(filter.user, facts.user) &&
    same(filter.onBehalfOf, facts.onBehalfOf) &&
    same(filter.tool, facts.tool) &&
    same(filter.action, facts.action) &&
    same(filter.surface, facts.surface) &&
    same(filter.layer, facts.layer) &&
    same(filter.project, facts.project) &&
    same(filter.environment, facts.environment) &&
    same(filter.method, facts.method) &&
    same(filter.decision, facts.decision) &&
    same(filter.reasonCode, facts.reasonCode) &&
    same(filter.phase, facts.phase) &&
    (filter.credential === undefined || facts.credentials.includes(filter.credential)) &&
    (filter.types === undefined || filter.types.some((type) => isOfType(facts.type, type))) &&
    (filter.notTypes === undefined || !filter.notTypes.includes(facts.type)) &&
    (filter.host === undefined || (facts.host !== undefined && isBelow(facts.host, filter.host))) &&
    hasStatus(facts, filter.status) &&
    (filter.statusClass === undefined || classOf(facts) === filter.statusClass) &&
    (filter.failed !== true || isFailed(facts)) &&
    (filter.blocked !== true || isBlocked(facts)) &&
    (filter.pending !== true || isPending(facts, facts.end !== undefined)) &&
    (filter.redacted !== true || facts.redacted) &&
    (filter.since === undefined || (facts.ts !== undefined && facts.ts >= filter.since)) &&
    (filter.until === undefined || (facts.ts !== undefined && facts.ts < filter.until))
  );
}

export function matchesCall(call: Call, filter: LogFilter): boolean {
  const facts = factsOf(call);
  const row = call.last === undefined ? facts : { ...facts, end: numberAt(call.last, 'index') ?? -1 };
  return matches(row, filter) && (filter.text === undefined || hasWords(call, filter.text));
}

function same(wanted: string | undefined, found: string | undefined): boolean {
  return wanted === undefined || wanted === found;
}

function familyOf(type: string): string | undefined {
  if (type.endsWith('.*')) return type.slice(0, -1);
  return type.includes('.') ? undefined : `${type}.`;
}

export function isOfType(type: string, wanted: string): boolean {
  const family = familyOf(wanted);
  return type === wanted || (family !== undefined && type.startsWith(family));
}

export function isBelow(host: string, wanted: string): boolean {
  return wanted.startsWith('*.') ? host.endsWith(wanted.slice(1)) : host === wanted;
}

/** What tells how a row came out. */
export type Outcomes = Pick<Facts, 'phase' | 'status' | 'statusCode' | 'decision' | 'enforced'>;

function hasStatus(facts: Outcomes, wanted: string | number | undefined): boolean {
  if (wanted === undefined) return true;
  return typeof wanted === 'number' ? facts.statusCode === wanted : facts.status === wanted;
}

export function classOf({ statusCode, status }: Outcomes): string | undefined {
  if (statusCode !== undefined) return `${Math.floor(statusCode / 100)}xx`;
  return status !== undefined && NO_ANSWER.has(status) ? 'error' : undefined;
}

export function isBlocked(facts: Outcomes): boolean {
  return facts.status === 'blocked' || (facts.decision === 'stop' && facts.enforced);
}

/** `ended`: its post_exec is known. */
export function isPending(facts: Outcomes, ended: boolean): boolean {
  if (isBlocked(facts) || isFailed(facts)) return false;
  return facts.status === 'pending' || (facts.phase === 'pre_exec' && !ended);
}

/** A call that a person is asked about is told so with a code that is no failure of it. */
export function isFailed(facts: Outcomes): boolean {
  if (facts.status === 'pending') return isBlocked(facts);
  return (
    (facts.statusCode ?? 0) >= 400 ||
    isBlocked(facts) ||
    (facts.status !== undefined && NO_ANSWER.has(facts.status))
  );
}

/** What a line must contain, by the kind of line: a pre_exec knows no outcome, a post_exec no decision. */
export interface Needles {
  readonly both: readonly Uint8Array[];
  readonly pre: readonly Uint8Array[];
  readonly post: readonly Uint8Array[];
}

export function needlesOf(filter: LogFilter): Needles {
  const member = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`"${name}":${JSON.stringify(value)}`];
  const both = [
    ...member('agent_id', filter.agent),
    ...member('agent_token_id', filter.token),
    ...member('identity_level', filter.identity),
    ...member('run_id', filter.run),
    ...member('step_id', filter.step),
    ...member('session_id', filter.session),
    ...member('tenant_id', filter.tenant),
    ...member('surface', filter.surface),
    ...member('name', filter.action),
    ...member('name', filter.tool),
    ...(filter.user === undefined ? [] : [JSON.stringify(filter.user)]),
    ...member('id', filter.onBehalfOf),
    ...member('project_id', filter.project),
    ...member('environment', filter.environment),
    ...member('method', filter.method),
    ...member('ref', filter.credential),
    ...member('phase', filter.phase),
    ...hostNeedle(filter.host),
    ...typeNeedle(filter.types),
  ];
  const pre = [
    ...member('outcome', filter.decision),
    ...member('reason', filter.reasonCode),
    ...member('layer', filter.layer),
  ];
  const post = [
    ...(typeof filter.status === 'string' ? member('status', filter.status) : []),
    ...(typeof filter.status === 'number' ? [`"status_code":${filter.status}`] : []),
    ...(filter.statusClass === undefined || filter.statusClass === 'error'
      ? []
      : [`"status_code":${filter.statusClass.charAt(0)}`]),
    ...(filter.redacted === true ? ['"redacted":true'] : []),
  ];
  return { both: both.map(encodeUtf8), pre: pre.map(encodeUtf8), post: post.map(encodeUtf8) };
}

function hostNeedle(host: string | undefined): string[] {
  if (host === undefined) return [];
  return host.startsWith('*.')
    ? [JSON.stringify(host.slice(1)).slice(1)]
    : [`"host":${JSON.stringify(host)}`];
}

function typeNeedle(types: readonly string[] | undefined): string[] {
  const only = types?.length === 1 ? types[0] : undefined;
  if (only === undefined) return [];
  const family = familyOf(only);
  // "custom" is both a type and a family: the open quote covers the two.
  if (family === undefined) return [`"type":${JSON.stringify(only)}`];
  return [`"type":${JSON.stringify(family.slice(0, -1)).slice(0, -1)}`];
}
