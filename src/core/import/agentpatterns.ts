/** agentpatterns' audit events: a record before an action and one after it. spec/import.md section 5. */
import { ActionSchema, type Actor, type Decision, type Event } from '../entry.ts';
import type { JsonObject } from '../json.ts';
import { isObject, textAt } from '../query/fields.ts';
import type { Decoder, SourceRecord } from './decoder.ts';
import { createLinks } from './links.ts';
import { endType, isImportable } from './types.ts';
import { idAt, oneOf, othersThan, present, timeOf } from './values.ts';
import { decisionWord, statusWord } from './words.ts';

const USED: ReadonlySet<string> = new Set(['run_id', 'step_id', 'action', 'timestamp', 'phase', 'scope']);
const SCOPES = ActionSchema.shape.scope.unwrap().options;

export function agentpatternsDecoder(): Decoder {
  const links = createLinks();

  function factsOf(value: JsonObject, name: string): Pick<Event, 'run_id' | 'step_id' | 'actor' | 'action'> {
    const actor = actorOf(value);
    return {
      ...present({ run_id: idAt(value, 'run_id'), step_id: idAt(value, 'step_id') }),
      ...(actor === undefined ? {} : { actor }),
      action: { name, ...present({ scope: oneOf(value.scope, SCOPES) }) },
    };
  }

  /** What is not told by a member of the entry. Hashes are of arguments that nobody can look at here. */
  function fieldsOf(value: JsonObject, decided: boolean, ended: boolean): JsonObject {
    return present({
      ...othersThan(value, USED),
      actor: actorOf(value) === undefined ? value.actor : undefined,
      scope: oneOf(value.scope, SCOPES) === undefined ? value.scope : undefined,
      ...(decided ? { decision: undefined, reason: undefined, layer: undefined } : {}),
      ...(ended && statusWord(value.result) !== undefined ? { result: undefined } : {}),
    }) as JsonObject;
  }

  return {
    unpaired: links.unpaired,
    decode(record: SourceRecord) {
      const { value } = record;
      const name = idAt(value, 'action');
      const phase = oneOf(value.phase, ['pre_exec', 'post_exec'] as const);
      if (name === undefined) return { refused: 'action: missing, or longer than an id' };
      if (phase === undefined) return { refused: 'phase: neither pre_exec nor post_exec' };
      const ts = timeOf(value.timestamp);
      const pair = JSON.stringify([value.run_id, value.step_id, value.action_key, name]);
      const type = isImportable(name) ? name : 'tool.call';
      const decision = decisionOf(value);
      const facts = factsOf(value, name);
      if (phase === 'pre_exec') {
        links.begin(pair, record.id(0, ts));
        const event: Event = { type, phase, ...facts, ...(decision === undefined ? {} : { decision }) };
        return { drafts: [{ part: 0, ts, event, fields: fieldsOf(value, decision !== undefined, false) }] };
      }
      const outcome = { status: statusWord(value.result) ?? ('unknown' as const) };
      const begun = links.end(pair);
      if (begun === undefined) links.missed();
      const event: Event =
        begun === undefined
          ? { type, phase: 'point', ...facts, ...(decision === undefined ? {} : { decision }), outcome }
          : { type: endType(type), phase, parent_id: begun, ...facts, outcome };
      return { drafts: [{ part: 0, ts, event, fields: fieldsOf(value, decision !== undefined, true) }] };
    },
  };
}

/** The layers that ran are not told: the list is empty, and `quality` says that the decision is asserted. */
function decisionOf(value: JsonObject): Decision | undefined {
  const outcome = decisionWord(value.decision);
  if (outcome === undefined) return undefined;
  return {
    outcome,
    ...present({ reason: textAt(value, 'reason'), layer: textAt(value, 'layer') }),
    layers: [],
  };
}

function actorOf(value: JsonObject): Actor | undefined {
  const agent = idAt(value, 'actor');
  if (agent !== undefined) return { agent_id: agent };
  if (!isObject(value.actor)) return undefined;
  const id = idAt(value.actor, 'agent_id') ?? idAt(value.actor, 'id');
  return id === undefined ? undefined : { agent_id: id };
}
