/**
 * What the rules look at, read off a stored entry: a few members, since this is done for each entry of a busy log. The
 * entry may come from a newer version or a hostile writer: what has another form than expected is not there.
 */
import { sha256Hex } from '../hash.ts';
import type { Json, JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { field, isObject, listAt } from '../query/fields.ts';

export interface Look {
  readonly index: number;
  /** `ts` in milliseconds. */
  readonly ms: number;
  readonly id: string | undefined;
  readonly type: string;
  readonly phase: string | undefined;
  readonly parent: string | undefined;
  readonly run: string | undefined;
  readonly agent: string | undefined;
  readonly identity: string | undefined;
  readonly user: string | undefined;
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly method: string | undefined;
  readonly tool: string | undefined;
  readonly credentials: readonly string[];
  readonly decision: string | undefined;
  readonly reason: string | undefined;
  /** Something was called, or tried to: counted once, at its beginning. */
  readonly call: boolean;
  readonly entry: JsonObject;
}

const NONE: readonly string[] = [];
/** Reads of a secret. Setting and deleting one is the operator's. */
const READS: ReadonlySet<string> = new Set(['get', 'run', 'export']);

export function lookAt(entry: JsonObject, index: number, ms: number): Look {
  const actor = objectIn(entry, 'actor');
  const action = objectIn(entry, 'action');
  const target = objectIn(action, 'target');
  const decision = objectIn(entry, 'decision');
  const phase = text(entry, 'phase');
  const host = value(text(target, 'host'))?.toLowerCase();
  const tool = value(text(objectIn(action, 'tool'), 'name'));
  const credentials = credentialsIn(entry);
  const begins = phase === 'pre_exec' || phase === 'point';
  return {
    index,
    ms,
    id: value(text(entry, 'id')),
    type: text(entry, 'type') ?? '?',
    phase,
    parent: value(text(entry, 'parent_id')),
    run: value(text(entry, 'run_id')),
    agent: value(text(actor, 'agent_id')),
    identity: text(actor, 'identity_level'),
    user: value(text(objectIn(actor, 'user'), 'id') ?? text(objectIn(actor, 'os'), 'user')),
    host,
    path: text(target, 'path')?.slice(0, LIMITS.alertPathChars),
    method: text(target, 'method'),
    tool,
    credentials,
    decision: text(decision, 'outcome'),
    reason: text(decision, 'reason'),
    call: begins && (host !== undefined || tool !== undefined || credentials.length > 0),
    entry,
  };
}

function objectIn(value: JsonObject | undefined, name: string): JsonObject | undefined {
  if (value === undefined || !Object.hasOwn(value, name)) return undefined;
  const found = value[name];
  return isObject(found) ? found : undefined;
}

function text(value: JsonObject | undefined, name: string): string | undefined {
  if (value === undefined || !Object.hasOwn(value, name)) return undefined;
  const found = value[name];
  return typeof found === 'string' ? found : undefined;
}

/**
 * Rules keep tens of thousands of these. An agent that reports hosts of a hundred kilobytes gets what stands for them:
 * different ones stay different.
 */
function value(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= LIMITS.idChars) return text;
  return `${text.slice(0, KEPT_CHARS).toWellFormed()}…${sha256Hex(text)}`;
}

const KEPT_CHARS = 100;

function credentialsIn(entry: JsonObject): readonly string[] {
  const uses = Object.hasOwn(entry, 'credentials') ? listAt(entry, 'credentials') : NONE;
  const refs = uses.length === 0 ? NONE : uses.flatMap((use) => value(refOf(use)) ?? []);
  const secret = objectIn(entry, 'secret');
  if (secret === undefined || !READS.has(text(secret, 'operation') ?? '')) return refs;
  const key = value(text(secret, 'key'));
  return key === undefined ? refs : [...refs, key];
}

function refOf(use: Json): string | undefined {
  const ref = field(use, 'ref');
  return typeof ref === 'string' ? ref : undefined;
}

/** Who did it, in words. */
export function whoIn({ agent, user }: Pick<Look, 'agent' | 'user'>): string {
  return agent ?? (user === undefined ? 'somebody without a name' : `user ${user}`);
}
