/** agentlogsafe's event envelope, schema_version 1.0. spec/import.md section 6. */
import { ActionSchema, type Event, EventSchema, PHASES, type Phase } from '../entry.ts';
import type { Json, JsonObject } from '../json.ts';
import { isObject, textAt } from '../query/fields.ts';
import type { Decoder, SourceRecord } from './decoder.ts';
import { createLinks, type Links } from './links.ts';
import { isImportable } from './types.ts';
import { idAt, oneOf, othersThan, present, timeOf } from './values.ts';
import { statusWord } from './words.ts';

const VERSION = '1.0';
const USED: ReadonlySet<string> = new Set([
  'schema_version',
  'event_id',
  'run_id',
  'event_type',
  'timestamp',
  'agent_name',
  'workflow_name',
  'provider',
  'model',
  'tool_name',
  'payload',
  'risk',
  'metadata',
]);

interface Kind {
  readonly type: string;
  /** Whether it begins what another event ends, or ends it. */
  readonly half?: 'begins' | 'ends';
}
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['run_start', { type: 'run.start' }],
  ['run_end', { type: 'run.end' }],
  ['user_message', { type: 'user.message' }],
  ['system_instruction', { type: 'system.instruction' }],
  ['model_call', { type: 'model.call', half: 'begins' }],
  ['model_response', { type: 'model.response', half: 'ends' }],
  ['tool_call', { type: 'tool.call', half: 'begins' }],
  ['tool_result', { type: 'tool.result', half: 'ends' }],
  ['retrieval_query', { type: 'retrieval.query', half: 'begins' }],
  ['retrieval_result', { type: 'retrieval.result', half: 'ends' }],
  ['policy_check', { type: 'policy.check' }],
  ['human_approval', { type: 'approval.request' }],
  ['decision', { type: 'decision.made' }],
  ['error', { type: 'error' }],
  ['custom', { type: 'custom' }],
]);
const APPROVALS: ReadonlyMap<string, string> = new Map([
  ['approved', 'approval.grant'],
  ['granted', 'approval.grant'],
  ['denied', 'approval.deny'],
  ['rejected', 'approval.deny'],
  ['expired', 'approval.expire'],
]);

export function agentlogsafeDecoder(): Decoder {
  const links = createLinks();
  return {
    unpaired: links.unpaired,
    decode(record) {
      const { value } = record;
      if (value.schema_version !== VERSION) return { refused: `schema_version: not "${VERSION}"` };
      const kind = KINDS.get(textAt(value, 'event_type') ?? '');
      if (kind === undefined) return { refused: 'event_type: none of the format' };
      const own = ownEntry(value.payload);
      const ts = timeOf(value.timestamp);
      const status = statusWord(value.status);
      const place = placeOf(record, own ?? kind, links, ts, kind);
      const { imported, ...metadata } = isObject(value.metadata) ? value.metadata : {};
      const risk = isObject(value.risk) && Object.keys(value.risk).length > 0 ? value.risk : undefined;
      const facts = own?.facts ?? factsOf(value, kind);
      const event: Event = {
        ...facts,
        ...place,
        ...present({ run_id: idAt(value, 'run_id') }),
        ...(risk === undefined ? {} : { risk }),
        ...(own === undefined ? payloadOf(value.payload, kind) : {}),
        ...(status === undefined || place.phase === 'pre_exec'
          ? place.phase === 'post_exec' && facts.outcome === undefined
            ? { outcome: { status: 'unknown' as const } }
            : {}
          : { outcome: { ...facts.outcome, status } }),
      };
      return {
        drafts: [
          {
            part: 0,
            ts,
            sourceId: textAt(value, 'event_id'),
            event,
            fields: present({
              ...othersThan(value, USED),
              ...(status === undefined ? {} : { status: undefined }),
              risk: isObject(value.risk) ? undefined : value.risk,
              metadata: isObject(value.metadata) ? undefined : value.metadata,
              // An imported entry that was exported and is imported again: where it first came from.
              imported_before: imported,
              payload: own === undefined ? undefined : evidenceOf(own.facts),
            }) as JsonObject,
            metadata: present({
              ...metadata,
              workflow_name: textAt(value, 'workflow_name'),
              provider: textAt(value, 'provider'),
              model: textAt(value, 'model'),
            }) as JsonObject,
          },
        ],
      };
    },
  };
}

interface Own extends Kind {
  readonly phase: Phase;
  readonly facts: Partial<Event>;
}

/** What our own export puts into `payload`: the members of an entry that the envelope has none for. */
function ownEntry(payload: Json | undefined): Own | undefined {
  if (!isObject(payload)) return undefined;
  const type = textAt(payload, 'type');
  const phase = oneOf(payload.phase, PHASES);
  if (type === undefined || phase === undefined || !isImportable(type)) return undefined;
  const { actor, action, credentials, decision, outcome, secret, reason } = payload;
  const parsed = OWN_MEMBERS.safeParse(
    present({ actor, action, credentials, decision, outcome, secret, reason }),
  );
  if (!parsed.success) return undefined;
  const half = phase === 'pre_exec' ? 'begins' : phase === 'post_exec' ? 'ends' : undefined;
  return { type, phase, facts: parsed.data, ...(half === undefined ? {} : { half }) };
}

/** Members that no import takes into an entry: what another machine checked, and how it decided. */
function evidenceOf({ actor, decision }: Partial<Event>): JsonObject | undefined {
  const { identity_level, agent_token_id, role } = actor ?? {};
  const { layers, snapshot, policy, inputs, approval, engine, enforced } = decision ?? {};
  const left = {
    actor: present({ identity_level, agent_token_id, role }),
    decision: present({ layers, snapshot, policy, inputs, approval, engine, enforced }),
  };
  const told = Object.entries(left).filter(([, members]) => Object.keys(members).length > 0);
  return told.length === 0 ? undefined : (Object.fromEntries(told) as JsonObject);
}

const OWN_MEMBERS = EventSchema.pick({
  actor: true,
  action: true,
  credentials: true,
  decision: true,
  outcome: true,
  secret: true,
  reason: true,
});

/** Pairs by the id that an end names, else by run and name, the newest first. */
function placeOf(
  record: SourceRecord,
  kind: Kind,
  links: Links,
  ts: string | undefined,
  said: Kind,
): Pick<Event, 'type' | 'phase' | 'parent_id'> {
  const { value } = record;
  const type = typeOf(value, kind);
  if (kind.half === undefined) return { type, phase: 'point' };
  if (kind.half === 'begins') {
    const id = textAt(value, 'event_id');
    if (id !== undefined) links.begin(id, record.id(0, ts));
    return { type, phase: 'pre_exec' };
  }
  const begun = links.end(textAt(value, 'parent_event_id') ?? '');
  if (begun !== undefined) return { type, phase: 'post_exec', parent_id: begun };
  links.missed();
  // By itself, `http.call` would read as the beginning of one.
  return { type: said.half === 'ends' ? said.type : type, phase: 'point' };
}

function typeOf(value: JsonObject, { type }: Kind): string {
  if (type !== 'approval.request') return type;
  return APPROVALS.get(textAt(value, 'status')?.toLowerCase() ?? '') ?? type;
}

function factsOf(value: JsonObject, { type }: Kind): Partial<Event> {
  const agent = idAt(value, 'agent_name');
  const tool = idAt(value, 'tool_name');
  const name = tool ?? (type.startsWith('model.') ? idAt(value, 'model') : undefined);
  return {
    ...(agent === undefined ? {} : { actor: { agent_id: agent } }),
    ...(name === undefined
      ? {}
      : { action: ActionSchema.parse({ name, ...(tool === undefined ? {} : { tool: { name: tool } }) }) }),
  };
}

/** What it is in its event; kept only as the configuration says. */
const CLASSES: ReadonlyMap<string, string> = new Map([
  ['user.message', 'prompt'],
  ['system.instruction', 'prompt'],
  ['model.call', 'prompt'],
  ['model.response', 'result'],
  ['tool.call', 'arguments'],
  ['tool.result', 'result'],
  ['retrieval.query', 'arguments'],
  ['retrieval.result', 'result'],
]);

function payloadOf(payload: Json | undefined, { type }: Kind): Pick<Event, 'payload'> {
  if (payload === undefined || payload === null) return {};
  if (isObject(payload) && Object.keys(payload).length === 0) return {};
  return {
    payload: {
      media_type: 'application/json',
      class: CLASSES.get(type) ?? 'event',
      data: JSON.stringify(payload),
    },
  };
}
