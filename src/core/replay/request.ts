/**
 * What was asked, out of the entry that records the answer. Everything that `decide` reads of a request stands in its
 * entry: replay needs the entry, the snapshot that it cites, and nothing else.
 */
import { TIERS } from '../entry.ts';
import type { Json, JsonObject } from '../json.ts';
import type { DecisionRequest } from '../policy/types.ts';
import { field, isObject, listAt, textAt } from '../query/fields.ts';

/** How `args_hash_alg` ends when the arguments were not read as a whole. */
const STREAMED = ';body=streamed';
/** The same of a program's arguments that could not be taken whole (spec/sdk.md section 4). */
const PARTIAL = ';partial';

function texts(from: Json | undefined, names: readonly string[]): { [name: string]: string } {
  const found: { [name: string]: string } = {};
  for (const name of names) {
    const text = textAt(from, name);
    if (text !== undefined) found[name] = text;
  }
  return found;
}

function actionOf(entry: JsonObject): DecisionRequest['action'] {
  const action = field(entry, 'action');
  const target = field(action, 'target');
  const tool = textAt(action, 'tool', 'name');
  const tier = TIERS.find((known) => known === textAt(action, 'tier'));
  return {
    name: textAt(action, 'name') ?? '',
    ...texts(action, ['capability', 'key', 'args_hash']),
    // Of any shape: decide looks at what it is given before it believes it.
    ...(target === undefined ? {} : { target: target as NonNullable<DecisionRequest['action']['target']> }),
    ...(tool === undefined ? {} : { tool: { name: tool } }),
    ...(tier === undefined ? {} : { tier }),
  };
}

/** Whose tenant the caller named. An entry's own `tenant_id` is the recorder's. */
function tenantOf(entry: JsonObject): string {
  return textAt(entry, 'metadata', 'tenant_named') ?? textAt(entry, 'tenant_id') ?? '';
}

export function requestOf(entry: JsonObject): DecisionRequest {
  const alg = textAt(entry, 'action', 'args_hash_alg');
  const args =
    alg === undefined
      ? {}
      : ({ args: alg.endsWith(STREAMED) || alg.endsWith(PARTIAL) ? 'streamed' : 'whole' } as const);
  return {
    tenant_id: tenantOf(entry),
    ...texts(entry, ['project_id', 'environment', 'run_id']),
    action: actionOf(entry),
    ...args,
    ...(textAt(entry, 'reason') === undefined ? {} : { reason_given: true }),
    credentials: listAt(entry, 'credentials').map((use) => ({
      ref: textAt(use, 'ref') ?? '',
      injection_style: (textAt(use, 'injection_style') ?? '') as 'bearer',
    })),
  };
}

/** Something in what was asked was replaced before it was stored: another value was decided on than can be read. */
export function isRedacted(entry: JsonObject): boolean {
  return ['action', 'credentials'].some((name) => mentionsRedaction(field(entry, name)));
}

export function mentionsRedaction(value: Json | undefined): boolean {
  if (typeof value === 'string') return value.includes('[REDACTED');
  if (Array.isArray(value)) return value.some(mentionsRedaction);
  return isObject(value) && Object.values(value).some(mentionsRedaction);
}
