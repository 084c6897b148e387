/**
 * What a row of the log says: one call (its pre_exec and its post_exec), or one entry that stands alone. Everything that
 * is filtered by or shown in a list is computed here, once.
 */
import type { Json, JsonObject } from '../json.ts';
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
  readonly agent: string | undefined;
  readonly identity: string | undefined;
  readonly token: string | undefined;
  readonly user: string | undefined;
  readonly run: string | undefined;
  readonly project: string | undefined;
  readonly environment: string | undefined;
  readonly method: string | undefined;
  readonly host: string | undefined;
  readonly credentials: readonly string[];
  /** What it was about, in one line. */
  readonly subject: string;
  readonly decision: string | undefined;
  readonly reasonCode: string | undefined;
  /** False when the policy only watched. */
  readonly enforced: boolean;
  readonly status: string | undefined;
  readonly statusCode: number | undefined;
  readonly durationMs: number | undefined;
  readonly redacted: boolean;
}

/** A post_exec repeats what its pre_exec said; where both speak, the one that saw it speaks for it. */
export function factsOf({ first, last }: Call): Facts {
  const ended = last ?? first;
  const text = (...path: readonly string[]): string | undefined =>
    textAt(first, ...path) ?? (last === undefined ? undefined : textAt(last, ...path));
  return {
    index: numberAt(first, 'index'),
    id: textAt(first, 'id'),
    ts: textAt(first, 'ts'),
    type: textAt(first, 'type') ?? '?',
    phase: textAt(first, 'phase'),
    agent: text('actor', 'agent_id'),
    identity: text('actor', 'identity_level'),
    token: text('actor', 'agent_token_id'),
    user: text('actor', 'user', 'id') ?? text('actor', 'os', 'user'),
    run: text('run_id'),
    project: text('project_id'),
    environment: text('environment'),
    method: text('action', 'target', 'method'),
    host: text('action', 'target', 'host'),
    credentials: credentialsOf(first, last),
    subject: subjectOf(first),
    decision: text('decision', 'outcome'),
    reasonCode: text('decision', 'reason'),
    enforced: booleanAt(first, 'decision', 'enforced') !== false,
    status: textAt(ended, 'outcome', 'status'),
    statusCode: numberAt(ended, 'outcome', 'status_code'),
    durationMs: numberAt(ended, 'outcome', 'duration_ms'),
    redacted: booleanAt(ended, 'outcome', 'redacted') === true,
  };
}

function credentialsOf(first: JsonObject, last: JsonObject | undefined): readonly string[] {
  const refs = new Set<string>();
  for (const entry of [first, ...(last === undefined ? [] : [last])]) {
    for (const use of listAt(entry, 'credentials')) {
      const ref = textAt(use, 'ref');
      if (ref !== undefined) refs.add(ref);
    }
  }
  return [...refs];
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
  if (target !== undefined) return target;
  const tool = textAt(entry, 'action', 'tool', 'name');
  if (tool !== undefined) {
    const server = textAt(entry, 'action', 'tool', 'server');
    return server === undefined ? tool : `${server}/${tool}`;
  }
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

function secretNames(entry: JsonObject): string {
  const keys = listAt(entry, 'secret', 'keys').filter((key) => typeof key === 'string');
  return textAt(entry, 'secret', 'key') ?? keys.join(',');
}

const HASH_SHOWN = 12;
/** What entries without an action are about, most telling member first, when their type says nothing better. */
// biome-ignore format: a list
const TELLING: readonly string[] = ['acknowledges', 'torn', 'agent_id', 'token_id', 'command', 'version', 'reason', 'from'];

function fromMetadata(entry: JsonObject): string | undefined {
  const text = (...path: readonly string[]): string | undefined => textAt(entry, 'metadata', ...path);
  switch (textAt(entry, 'type')) {
    case 'policy.change':
      return joined(' → ', text('before', 'version'), text('after', 'version'));
    case 'policy.snapshot':
      return joined(' ', text('policy', 'version'), text('hash')?.slice(0, HASH_SHOWN));
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

/** undefined when a part is missing: half of it would tell something else. */
function joined(separator: string, ...parts: readonly (string | undefined)[]): string | undefined {
  return parts.includes(undefined) ? undefined : parts.join(separator);
}
