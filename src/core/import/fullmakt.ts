/** Fullmakt's chained audit record: one a call. spec/import.md section 7. */
import type { Actor, Event, Outcome } from '../entry.ts';
import type { JsonObject } from '../json.ts';
import { isObject, textAt } from '../query/fields.ts';
import type { Decoder } from './decoder.ts';
import { createChainReader } from './fullmakt-chain.ts';
import { countAt, idAt, othersThan, present, timeOf } from './values.ts';
import { decisionWord, statusWord } from './words.ts';

const USED: ReadonlySet<string> = new Set([
  'principal',
  'on_behalf_of',
  'method',
  'host',
  'timestamp',
  'latency_ms',
  'credential_ref',
  'error',
]);
const HTTP = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE)$/;

export function fullmaktDecoder(): Decoder {
  const chain = createChainReader();
  return {
    unpaired: () => 0,
    verdict: chain.verdict,
    decode({ value, line }) {
      chain.see(line, value);
      const method = idAt(value, 'method');
      if (method === undefined && idAt(value, 'principal') === undefined)
        return { refused: 'not a record of this format: neither principal nor method' };
      const outcome = outcomeOf(value);
      const decision = decisionWord(value.decision);
      const actor = actorOf(value);
      const refs = (textAt(value, 'credential_ref') ?? '').split(',').filter((ref) => ref !== '');
      const event: Event = {
        ...callOf(value, method),
        phase: 'point',
        ...(Object.keys(actor).length === 0 ? {} : { actor }),
        ...(refs.length === 0 ? {} : { credentials: refs.map((ref) => ({ ref })) }),
        ...(decision === undefined ? {} : { decision: { outcome: decision, layers: [] } }),
        ...(outcome === undefined ? {} : { outcome }),
      };
      const fields = present({
        ...othersThan(value, USED),
        ...(decision === undefined ? {} : { decision: undefined }),
        ...(isTold(value, outcome) ? { status: undefined } : {}),
      });
      return { drafts: [{ part: 0, ts: timeOf(value.timestamp), event, fields: fields as JsonObject }] };
    },
  };
}

function callOf(value: JsonObject, method: string | undefined): Pick<Event, 'type' | 'action'> {
  const host = textAt(value, 'host');
  if (method !== undefined && host === undefined && !HTTP.test(method))
    return { type: 'tool.call', action: { name: method, tool: { name: method } } };
  return { type: 'http.call', action: { name: 'http.call', target: present({ method, host }) } };
}

function actorOf(value: JsonObject): Actor {
  const behalf = value.on_behalf_of;
  const id = isObject(behalf) ? idAt(behalf, 'id') : idAt(value, 'on_behalf_of');
  const type = isObject(behalf) ? idAt(behalf, 'type') : undefined;
  return present({
    agent_id: idAt(value, 'principal'),
    // The format has the name alone.
    on_behalf_of: id === undefined ? undefined : { type: type ?? 'unspecified', id },
  });
}

/** undefined for a record that tells of no end. */
function outcomeOf(value: JsonObject): Outcome | undefined {
  const error = textAt(value, 'error');
  const code =
    typeof value.status === 'number' && Number.isSafeInteger(value.status) ? value.status : undefined;
  const tells = [value.status, value.error, value.latency_ms].some(
    (one) => one !== undefined && one !== null,
  );
  if (!tells && decisionWord(value.decision) !== 'stop') return undefined;
  const ended = error === undefined || error === '' ? ('ok' as const) : ('error' as const);
  return {
    // Who has an answer was not stopped, whatever a policy that only watched had said.
    status:
      statusWord(value.status) ??
      (decisionWord(value.decision) === 'stop' && code === undefined ? 'blocked' : ended),
    ...present({ status_code: code, duration_ms: countAt(value, 'latency_ms'), error }),
  };
}

function isTold(value: JsonObject, outcome: Outcome | undefined): boolean {
  return outcome?.status_code !== undefined || statusWord(value.status) !== undefined;
}
