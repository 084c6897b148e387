/** Which policies were in force, as the log tells it: changes, starts with another file, and attempts that failed. */
import type { JsonObject } from '../../../core/json.ts';
import { present } from '../../../core/policy/compile/complain.ts';
import { booleanAt, field, numberAt, textAt } from '../../../core/query/fields.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { readRows } from '../../asking.ts';

export interface PolicyVersion {
  readonly index: number;
  readonly ts: string;
  /** `set`: by a command or the API. `edited`: the file was. `start`: found in the file when recording began. */
  readonly how: 'set' | 'edited' | 'start' | 'refused' | 'denied';
  readonly version?: string;
  readonly before?: string;
  /** Hash of its snapshot. Absent: it never came in force. */
  readonly after?: string;
  readonly who?: string;
  readonly email?: string;
  readonly why?: string;
  /** Why it did not come in force. */
  readonly problem?: string;
}

function who(entry: JsonObject): { readonly who?: string; readonly email?: string } {
  const uid = numberAt(entry, 'actor', 'os', 'uid');
  const id =
    textAt(entry, 'actor', 'user', 'id') ??
    textAt(entry, 'actor', 'os', 'user') ??
    textAt(entry, 'actor', 'agent_id') ??
    (uid === undefined ? undefined : `uid ${uid}`);
  return present({ who: id, email: textAt(entry, 'actor', 'user', 'email') });
}

function changeOf(entry: JsonObject, at: Pick<PolicyVersion, 'index' | 'ts'>): PolicyVersion {
  const edited = booleanAt(entry, 'metadata', 'file_edited') === true;
  const denied = textAt(entry, 'decision', 'outcome') === 'stop';
  const refused = textAt(entry, 'outcome', 'status') === 'error';
  return {
    ...at,
    how: denied ? 'denied' : refused ? 'refused' : edited ? 'edited' : 'set',
    ...who(entry),
    ...present({
      version: textAt(entry, 'metadata', 'after', 'version'),
      before: textAt(entry, 'metadata', 'before', 'hash'),
      after: textAt(entry, 'metadata', 'after', 'hash'),
      why: textAt(entry, 'reason'),
      problem: denied
        ? textAt(entry, 'decision', 'message')
        : refused
          ? textAt(entry, 'outcome', 'error')
          : undefined,
    }),
  };
}

/** Oldest first. Every start of a recorder is an entry; those that changed nothing are left out. */
export async function* policyVersions(opened: OpenedQuery): AsyncGenerator<PolicyVersion> {
  const filter = { types: ['policy.change', 'policy.snapshot', 'log.open'] };
  let inForce: string | undefined;
  for await (const { row, call } of readRows(opened, opened.query.rows(filter, { order: 'oldest' })).rows()) {
    const { first: entry } = call;
    const at = { index: row.index, ts: textAt(entry, 'ts') ?? '' };
    if (textAt(entry, 'type') === 'policy.change') {
      const change = changeOf(entry, at);
      yield change;
      if (change.how === 'set' || change.how === 'edited') inForce = change.after;
      continue;
    }
    const from =
      textAt(entry, 'type') === 'log.open' ? field(entry, 'metadata', 'policy') : field(entry, 'metadata');
    const hash = textAt(from, 'hash');
    if (hash === undefined || hash === inForce) continue;
    const version = textAt(from, 'version') ?? textAt(from, 'policy', 'version');
    yield { ...at, how: 'start', ...present({ version, before: inForce, after: hash }) };
    inForce = hash;
  }
}
