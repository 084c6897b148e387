/** Other programs' words for ours. A word that is not here is kept as a field of the record, and means nothing more. */
import type { DecisionOutcome, OutcomeStatus } from '../entry.ts';
import type { Json } from '../json.ts';

const DECISIONS: ReadonlyMap<string, DecisionOutcome> = new Map([
  ['allow', 'allow'],
  ['allowed', 'allow'],
  ['permit', 'allow'],
  ['permitted', 'allow'],
  ['stop', 'stop'],
  ['deny', 'stop'],
  ['denied', 'stop'],
  ['block', 'stop'],
  ['blocked', 'stop'],
  ['approval_required', 'approval_required'],
  ['escalate', 'approval_required'],
]);

const STATUSES: ReadonlyMap<string, OutcomeStatus> = new Map([
  ['ok', 'ok'],
  ['success', 'ok'],
  ['succeeded', 'ok'],
  ['completed', 'ok'],
  ['done', 'ok'],
  ['error', 'error'],
  ['failure', 'error'],
  ['failed', 'error'],
  ['blocked', 'blocked'],
  ['denied', 'blocked'],
  ['timeout', 'timeout'],
  ['timed_out', 'timeout'],
  ['aborted', 'aborted'],
  ['cancelled', 'aborted'],
  ['canceled', 'aborted'],
  ['interrupted', 'aborted'],
  ['pending', 'pending'],
  ['unknown', 'unknown'],
  ['started', 'started'],
  ['running', 'started'],
]);

export function decisionWord(value: Json | undefined): DecisionOutcome | undefined {
  return typeof value === 'string' ? DECISIONS.get(value.toLowerCase()) : undefined;
}

export function statusWord(value: Json | undefined): OutcomeStatus | undefined {
  return typeof value === 'string' ? STATUSES.get(value.toLowerCase()) : undefined;
}
