/** A row of the decision table, and the whole decision that it stands for. */
import type { Decision, LayerResult } from '../../../../src/core/entry.ts';
import { ENGINE } from '../../../../src/core/policy/decide.ts';
import type { LayerName } from '../../../../src/core/policy/reasons.ts';
import type { Asked, Change } from './base.ts';

export const LAYERS = [
  'kill_switch',
  'identity',
  'membership',
  'capability',
  'delegation',
  'scopes',
  'allowlist',
  'credential',
  'permission',
  'rules',
  'limits',
  'budgets',
  'approval',
] as const satisfies readonly LayerName[];
export type TableLayer = (typeof LAYERS)[number];

export interface Case extends Change {
  /** What it shows. */
  readonly what: string;
  /** The layer that it is about, and what that one says. */
  readonly layer: TableLayer;
  readonly says: 'pass' | 'fail' | 'skip';
  /** Of a layer that fails. */
  readonly reason?: string;
  readonly message?: string;
  readonly outcome?: 'approval_required';
  readonly rule?: string;
  readonly retry_after_ms?: number;
  readonly wanted?: Decision['wanted'];
  /** Layers that say something else than the one call that all let through. A code: passed, and wants an approval. */
  readonly others?: { readonly [layer in TableLayer]?: 'pass' | 'skip' | { readonly wants: string } };
  /** The line of the allowlist that was read, when it is another one or the layer fails; "" when none was. */
  readonly line?: string;
  /** Set when the call goes on without an approval. */
  readonly unapproved?: true;
}

const WANTED_BY_RULE = { layer: 'rules', result: 'pass', reason: 'refund_over_limit' } as const;

function layersOf({ layer, says, reason, others }: Case): LayerResult[] {
  const out: LayerResult[] = [];
  for (const name of LAYERS) {
    if (name === layer && says === 'fail') {
      out.push({ layer: name, result: 'fail', ...(reason === undefined ? {} : { reason }) });
      break;
    }
    const other = name === layer && says === 'skip' ? 'skip' : others?.[name];
    if (other === undefined) out.push(name === 'rules' ? WANTED_BY_RULE : { layer: name, result: 'pass' });
    else if (typeof other === 'string') out.push({ layer: name, result: other });
    else out.push({ layer: name, result: 'pass', reason: other.wants });
  }
  return out;
}

const ALLOWLIST_LINE = 'api.pay.example';

/** Every member of the decision that a case stands for. */
export function decisionOf(row: Case, { policy, inputs }: Asked): Decision {
  const { says, reason, message, rule, retry_after_ms, wanted, outcome } = row;
  const layers = layersOf(row);
  const { principal, grant } = inputs;
  const line = row.line ?? ALLOWLIST_LINE;
  const passed = layers.some((one) => one.layer === 'allowlist' && one.result === 'pass');
  const listed = row.line === undefined ? passed : line !== '';
  const failed = says === 'fail';
  return {
    outcome: failed ? (outcome ?? 'stop') : 'allow',
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    ...(failed ? { layer: row.layer } : {}),
    ...(rule === undefined && (failed || row.unapproved === true) ? {} : { rule: rule ?? 'big-refund' }),
    layers,
    policy: { id: 'local', version: '7', hash: '1'.repeat(64) },
    snapshot: { hash: policy.hash, captured_at: inputs.decided_at },
    ...(failed || row.unapproved === true || grant === undefined
      ? {}
      : {
          approval: {
            id: grant.id,
            approver: 'boss',
            approved_at: '2026-11-20T09:55:00.000Z',
            expires_at: grant.expires_at,
            args_hash: 'cd'.repeat(32),
          },
        }),
    ...(wanted === undefined ? {} : { wanted }),
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
    inputs: {
      ...inputs,
      ...(principal === undefined ? {} : { principal: { id: principal.id, source: principal.source } }),
      ...(listed ? { allowlist_line: line } : {}),
    },
    engine: ENGINE,
    enforced: true,
  };
}
