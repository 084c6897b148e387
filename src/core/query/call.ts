/**
 * What a row of the log says: one call (its pre_exec and its post_exec), or one entry that stands alone. Everything that
 * is filtered by or shown in a list is computed here, once.
 */
import type { Json, JsonObject } from '../json.ts';
import { isSelfReported } from './assurance.ts';
import { booleanAt, field, listAt, numberAt, textAt } from './fields.ts';

export interface Call {
  /** The pre_exec, or the only entry there is. */
  readonly first: JsonObject;
  /** The post_exec that names it as its parent. */
  readonly last?: JsonObject;
}

export interface Facts {
  readonly index: number | undefined;
  readonly id: string | undefined;
  readonly ts: string | undefined;
  readonly type: string;
  readonly phase: string | undefined;
  readonly tenant: string | undefined;
  /** Which part of the product reported it. */
  readonly surface: string | undefined;
  readonly assurance: string | undefined;
  readonly agent: string | undefined;
  readonly identity: string | undefined;
  readonly token: string | undefined;
  readonly user: string | undefined;
  /** The id of the person or thing it was done for. */
  readonly onBehalfOf: string | undefined;
  readonly run: string | undefined;
  readonly step: string | undefined;
  readonly session: string | undefined;
  readonly project: string | undefined;
  readonly environment: string | undefined;
  readonly method: string | undefined;
  readonly host: string | undefined;
  readonly action: string | undefined;
  readonly tool: string | undefined;
  readonly credentials: readonly string[];
  /** What it was about, in one line. */
  readonly subject: string;
  readonly decision: string | undefined;
  readonly reasonCode: string | undefined;
  /** The policy layer that decided. */
  readonly layer: string | undefined;
  /** False when the policy only watched. */
  readonly enforced: boolean;
  readonly status: string | undefined;
  readonly statusCode: number | undefined;
  readonly durationMs: number | undefined;
  readonly redacted: boolean;
}

export function factsOf({ first, last }: Call): Facts {
  const begun = factsOfEntry(first);
  return last === undefined ? begun : joinFacts(begun, factsOfEntry(last));
}

function factsOfEntry(entry: JsonObject): Facts {
  return { ...placelessFacts(entry), index: numberAt(entry, 'index'), subject: subjectOf(entry) };
}

/** Without where it says that it stands, and without a text for people: what an index keeps of millions. */
export function placelessFacts(entry: JsonObject): Omit<Facts, 'index' | 'subject'> {
  return {
    id: textAt(entry, 'id'),
    ts: textAt(entry, 'ts'),
    type: textAt(entry, 'type') ?? '?',
    phase: textAt(entry, 'phase'),
    tenant: textAt(entry, 'tenant_id'),
    surface: textAt(entry, 'source', 'surface'),
    assurance: textAt(entry, 'source', 'assurance'),
    agent: textAt(entry, 'actor', 'agent_id'),
    identity: textAt(entry, 'actor', 'identity_level'),
    token: textAt(entry, 'actor', 'agent_token_id'),
    user: textAt(entry, 'actor', 'user', 'id') ?? textAt(entry, 'actor', 'os', 'user'),
    onBehalfOf: textAt(entry, 'actor', 'on_behalf_of', 'id'),
    run: textAt(entry, 'run_id'),
    step: textAt(entry, 'step_id'),
    session: textAt(entry, 'session_id'),
    project: textAt(entry, 'project_id'),
    environment: textAt(entry, 'environment'),
    method: textAt(entry, 'action', 'target', 'method'),
    host: textAt(entry, 'action', 'target', 'host'),
    action: textAt(entry, 'action', 'name'),
    tool: textAt(entry, 'action', 'tool', 'name'),
    credentials: credentialsOf(entry),
    decision: textAt(entry, 'decision', 'outcome'),
    reasonCode: textAt(entry, 'decision', 'reason'),
    layer: textAt(entry, 'decision', 'layer'),
    enforced: booleanAt(entry, 'decision', 'enforced') !== false,
    status: statusOf(entry),
    statusCode: numberAt(entry, 'outcome', 'status_code'),
    durationMs: numberAt(entry, 'outcome', 'duration_ms'),
    redacted: booleanAt(entry, 'outcome', 'redacted') === true,
  };
}

/** In a row: what its outcome says, but of two entries that are told by others. */
export const RESUMED = 'resumed';

/** What `isToldElsewhere` says of its row. */
export function goesOn({ last }: Call): boolean {
  return last !== undefined && statusOf(last) === RESUMED;
}

function statusOf(entry: JsonObject): string | undefined {
  const status = textAt(entry, 'outcome', 'status');
  if (status !== 'pending') return status;
  // Whether somebody has answered it, the request itself cannot know.
  if (textAt(entry, 'type') === 'approval.request') return undefined;
  return textAt(entry, 'metadata', 'resumed') === undefined || isSelfReported(entry) ? status : RESUMED;
}

/**
 * Of one call, from what its two entries say each. A post_exec repeats what its pre_exec said; where both speak, the
 * pre_exec speaks for the call, and the post_exec for how it ended.
 */
export function joinFacts<T extends Omit<Facts, 'index' | 'subject'>>(
  first: T,
  last: Omit<Facts, 'index' | 'subject'>,
): T {
  return {
    ...first,
    agent: first.agent ?? last.agent,
    identity: first.identity ?? last.identity,
    token: first.token ?? last.token,
    user: first.user ?? last.user,
    onBehalfOf: first.onBehalfOf ?? last.onBehalfOf,
    run: first.run ?? last.run,
    step: first.step ?? last.step,
    session: first.session ?? last.session,
    project: first.project ?? last.project,
    environment: first.environment ?? last.environment,
    method: first.method ?? last.method,
    host: first.host ?? last.host,
    action: first.action ?? last.action,
    tool: first.tool ?? last.tool,
    credentials: [...new Set([...first.credentials, ...last.credentials])],
    decision: first.decision ?? last.decision,
    reasonCode: first.reasonCode ?? last.reasonCode,
    layer: first.layer ?? last.layer,
    status: last.status,
    statusCode: last.statusCode,
    durationMs: last.durationMs,
    redacted: last.redacted,
  };
}

function credentialsOf(entry: JsonObject): readonly string[] {
  const refs = listAt(entry, 'credentials').map((use) => textAt(use, 'ref'));
  return [...new Set(refs.filter((ref) => ref !== undefined))];
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { https: 443, http: 80 };

/** `api.stripe.com/v1/charges`; the scheme only when it is not https, the port only when it is not the scheme's own. */
export function targetText(target: Json | undefined): string | undefined {
  const host = textAt(target, 'host');
  if (host === undefined) return undefined;
  const scheme = textAt(target, 'scheme');
  const port = numberAt(target, 'port');
  const shownPort = port === undefined || port === DEFAULT_PORTS[scheme ?? 'https'] ? '' : `:${port}`;
  const shownScheme = scheme === undefined || scheme === 'https' ? '' : `${scheme}://`;
  return `${shownScheme}${host}${shownPort}${textAt(target, 'path') ?? ''}`;
}

/** The one thing a person wants to know about an entry of that type. Types nobody here knows show what they carry. */
function subjectOf(entry: JsonObject): string {
  const target = targetText(field(entry, 'action', 'target'));
  const tool = toolText(entry);
  // Which tool of a server at a URL it is says more than the URL, which all of them have.
  if (target !== undefined && (tool === undefined || textAt(entry, 'type') !== 'tool.call')) return target;
  if (tool !== undefined) return tool;
  const operation = textAt(entry, 'secret', 'operation');
  if (operation !== undefined) return `${operation} ${secretNames(entry)}`.trim();
  return (
    fromMetadata(entry) ??
    textAt(entry, 'action', 'name') ??
    textAt(entry, 'reason') ??
    textAt(entry, 'outcome', 'error') ??
    ''
  );
}

function toolText(entry: JsonObject): string | undefined {
  const tool = textAt(entry, 'action', 'tool', 'name');
  const server = textAt(entry, 'action', 'tool', 'server');
  // Some names say already whose tool it is.
  return tool === undefined ||
    server === undefined ||
    tool.startsWith(`mcp.${server}.`) ||
    tool.startsWith(`mcp__${server}__`)
    ? tool
    : `${server}/${tool}`;
}

function secretNames(entry: JsonObject): string {
  const keys = listAt(entry, 'secret', 'keys').filter((key) => typeof key === 'string');
  return textAt(entry, 'secret', 'key') ?? keys.join(',');
}

const HASH_SHOWN = 12;
/** What entries without an action are about, most telling member first, when their type says nothing better. */
// biome-ignore format: a list
const TELLING: readonly string[] = ['acknowledges', 'torn', 'agent_id', 'token_id', 'command', 'version', 'reason', 'from', 'hooks'];

function fromMetadata(entry: JsonObject): string | undefined {
  const text = (...path: readonly string[]): string | undefined => textAt(entry, 'metadata', ...path);
  switch (textAt(entry, 'type')) {
    case 'policy.change':
      return policyChange(entry, text('before', 'version'), text('after', 'version'));
    case 'killswitch.change':
      return joined(' ', booleanAt(entry, 'metadata', 'on') === false ? 'off' : 'on', text('scope'));
    case 'approval.grant':
    case 'approval.deny':
      return joined(' by ', textAt(entry, 'action', 'name'), text('approver'));
    case 'policy.snapshot':
      return joined(' ', text('policy', 'version'), text('hash')?.slice(0, HASH_SHOWN));
    case 'log.import':
      return joined(' ', text('format'), text('file'));
    case 'alert.raise':
    case 'alert.close':
      return joined(': ', text('rule'), text('subject'));
    case 'step.note':
      if (text('hook') === undefined) break;
      return joined(' ', text('hook'), text('tool') ?? '')?.trimEnd();
    case 'session.check':
      return sessionCheck(entry);
    case 'clock.step':
      return joined(' → ', text('from'), text('to'));
    case 'log.open':
      return joined(' ', 'policy', text('policy', 'version'));
    case 'log.recover':
      return joined(
        ' ',
        text('acknowledges') === undefined ? 'set aside' : 'acknowledged',
        text('acknowledges') ?? text('torn'),
      );
    case 'token.issue':
      return joined(' ', text('agent_id'), text('token_id'));
  }
  for (const name of TELLING) {
    const value = text(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

function sessionCheck(entry: JsonObject): string | undefined {
  const missing = numberAt(entry, 'metadata', 'missing_from_record_count') ?? 0;
  const untold = numberAt(entry, 'metadata', 'missing_from_transcript_count') ?? 0;
  const parts = [
    ...(missing === 0 ? [] : [`${missing} not on record`]),
    ...(untold === 0 ? [] : [`${untold} not in the transcript`]),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

/** Who edits the file by hand may leave its version as it was: then the text that came in force tells them apart. */
function policyChange(
  entry: JsonObject,
  before: string | undefined,
  after: string | undefined,
): string | undefined {
  if (after === undefined) return joined(': ', 'refused', textAt(entry, 'outcome', 'error'));
  if (before !== after) return joined(' → ', before, after);
  return joined(' ', after, textAt(entry, 'metadata', 'after', 'hash')?.slice(0, HASH_SHOWN));
}

/** undefined when a part is missing: half of it would tell something else. */
function joined(separator: string, ...parts: readonly (string | undefined)[]): string | undefined {
  return parts.includes(undefined) ? undefined : parts.join(separator);
}
