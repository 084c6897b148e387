/** What each layer said of a call, in words. What stopped it says so itself (`decision.message`). */

import type { Decision, LayerResult } from '../../../core/entry.ts';
import type { Json } from '../../../core/json.ts';
import { INTERCEPTED } from '../../../core/policy/connect.ts';
import { isReasonCode, REASONS } from '../../../core/policy/reasons.ts';
import { field, isObject, textAt } from '../../../core/query/fields.ts';

type Words = (decision: Decision) => string;

const inputs = ({ inputs: read }: Decision): Json | undefined => read as Json | undefined;

const named = (text: string | undefined, otherwise: string): string => text ?? otherwise;

function who(decision: Decision): string {
  const read = inputs(decision);
  const agent = textAt(read, 'identity', 'agent_id');
  const level = textAt(read, 'identity', 'level');
  const user = textAt(read, 'principal', 'id');
  const caller =
    agent === undefined
      ? 'a caller without a name'
      : level === 'issued'
        ? `${agent}, with a good token`
        : `${agent}, who only says so`;
  return `${caller}, for ${named(user, 'nobody')}`;
}

function counts(decision: Decision): string {
  const windows = field(inputs(decision), 'windows');
  const all = isObject(windows) ? Object.values(windows) : [];
  const most = all.reduce<number>((n, one) => Math.max(n, Number(field(one, 'count') ?? 0)), 0);
  return `room for one more: ${most} ${most === 1 ? 'call' : 'calls'} in ${all.length === 1 ? 'the window' : `the fullest of ${all.length} windows`}`;
}

/** [it passed, it had nothing to say]. */
const WORDS: Readonly<Record<string, readonly [pass: Words, skip: string]>> = {
  kill_switch: [() => 'nothing that concerns it is switched off', 'nothing is switched off'],
  identity: [who, 'nobody has to say who they are'],
  membership: [
    (d) => `${named(textAt(inputs(d), 'principal', 'id'), 'the caller')} belongs here`,
    'the policy names no users',
  ],
  capability: [() => 'within the contract of the agent', 'no contract bounds the agent'],
  delegation: [() => 'every hand passed on no more than it had', 'nobody passed the task on'],
  scopes: [() => 'it has the scopes and roles that the tool requires', 'the tool requires none'],
  allowlist: [
    (d) => {
      const line = textAt(inputs(d), 'allowlist_line');
      if (line === INTERCEPTED) return 'its TLS ends in the broker, where each call is decided by itself';
      return line === undefined ? 'the host is allowed' : `allowed by the line ${line}`;
    },
    'it goes to no host',
  ],
  credential: [() => 'the credential may be used for it', 'it carries no credential'],
  permission: [() => 'nothing says stop', 'nothing is said of this tool, user or tier'],
  rules: [
    (d) => (d.rule === undefined ? 'no rule says stop' : `the rule ${d.rule} is true, and no rule says stop`),
    'there are no rules',
  ],
  limits: [counts, 'nothing bounds how often'],
  budgets: [() => 'the run has some left', 'no budget, or no run'],
  approval: [
    (d) =>
      `approved${textAt(d as unknown as Json, 'approval', 'approver') === undefined ? '' : ` by ${textAt(d as unknown as Json, 'approval', 'approver')}`}`,
    'nobody has to be asked',
  ],
};

export function layerWords(layer: LayerResult, decision: Decision): string {
  if (layer.result === 'fail') {
    const { reason = '' } = layer;
    return decision.message ?? (isReasonCode(reason) ? REASONS[reason].means : reason);
  }
  const words = Object.hasOwn(WORDS, layer.layer) ? WORDS[layer.layer] : undefined;
  if (words === undefined) return '';
  return layer.result === 'pass' ? words[0](decision) : words[1];
}
