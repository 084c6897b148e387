/** What was decided, by which layers, from what, and under which policy. */
import type { Json, JsonObject } from '../../../core/json.ts';
import { isReasonCode, REASONS } from '../../../core/policy/reasons.ts';
import { field, isObject, listAt, numberAt, textAt } from '../../../core/query/fields.ts';
import { safe, toJsonLine } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { formatDuration, formatTime } from '../../output/time.ts';
import type { ShownSnapshot } from '../../snapshot.ts';
import { block, join, type Line, named, type TextOptions } from './show-lines.ts';

export function decisionLines(entry: JsonObject, style: Style): Line[] {
  const decision = field(entry, 'decision');
  if (decision === undefined) return [];
  const outcome = textAt(decision, 'outcome') ?? '?';
  const paint = outcome === 'allow' ? style.green : outcome === 'stop' ? style.red : style.yellow;
  const reason = textAt(decision, 'reason');
  const means =
    textAt(decision, 'message') ??
    (reason !== undefined && isReasonCode(reason) ? REASONS[reason].means : undefined);
  const observed =
    field(decision, 'enforced') === false ? style.yellow('(observed, not enforced)') : undefined;
  const policy = join([
    named('policy', textAt(decision, 'policy', 'version')),
    named('layer', textAt(decision, 'layer')),
    named('rule', textAt(decision, 'rule')),
    named('engine', textAt(decision, 'engine')),
  ]);
  const layers = listAt(decision, 'layers').map((layer) => layerText(layer, style));
  return [
    [
      'decision',
      join([style.bold(paint(safe(outcome))), reason === undefined ? undefined : safe(reason), observed]),
    ],
    ...block(
      '',
      [means === undefined ? '' : safe(means), policy, ...personLines(decision)].filter(
        (text) => text !== '',
      ),
    ),
    ...block('layers', layers),
    ...block('read', inputTexts(field(decision, 'inputs'))),
  ];
}

/** What a person has to say, or said, and when it can be tried again. */
function personLines(decision: Json): string[] {
  const approvers = listAt(decision, 'wanted', 'approvers').filter((name) => typeof name === 'string');
  const ttl = numberAt(decision, 'wanted', 'ttl_ms');
  const approval = textAt(decision, 'approval', 'id');
  const approver = textAt(decision, 'approval', 'approver');
  const retry = numberAt(decision, 'retry_after_ms');
  const within = ttl === undefined ? '' : ` within ${formatDuration(ttl)}`;
  const by = approver === undefined ? '' : ` by ${safe(approver)}`;
  return [
    approvers.length === 0 ? '' : `to be approved by ${approvers.map(safe).join(' or ')}${within}`,
    approval === undefined ? '' : `approval ${safe(approval)}${by}`,
    retry === undefined ? '' : `one more fits in ${formatDuration(retry)}`,
  ];
}

function layerText(layer: Json, style: Style): string {
  const result = textAt(layer, 'result');
  const mark = result === 'pass' ? style.green('✓') : result === 'fail' ? style.red('✗') : style.dim('–');
  const us = numberAt(layer, 'us');
  const reason = textAt(layer, 'reason');
  // A layer that passes and gives a reason has passed on the condition that somebody approves.
  const asks = result === 'pass' ? 'wants an approval: ' : '';
  return join([
    `${mark} ${safe(textAt(layer, 'layer') ?? '?')}`,
    reason === undefined ? undefined : `${asks}${safe(reason)}`,
    us === undefined ? undefined : style.dim(`${us} µs`),
  ]);
}

/** What was read for this one call besides the policy, member by member, unchanged. */
function inputTexts(inputs: Json | undefined): string[] {
  return isObject(inputs)
    ? Object.entries(inputs).map(
        ([name, value]) => `${safe(name)} ${typeof value === 'string' ? safe(value) : toJsonLine(value)}`,
      )
    : [];
}

const SNAPSHOT_STATES: Readonly<Record<ShownSnapshot['status'], string>> = {
  checked: 'hash checked',
  altered: 'ALTERED: the stored document does not have this hash',
  missing: 'MISSING: the document is not in this log',
  unreadable: 'the document is no JSON',
};
const DOMAINS_SHOWN = 50;

export function snapshotLines(snapshot: ShownSnapshot | undefined, { style, zone }: TextOptions): Line[] {
  if (snapshot === undefined) return [];
  const good = snapshot.status === 'checked';
  const state = good
    ? style.green(`✓ ${SNAPSHOT_STATES.checked}`)
    : style.red(`✗ ${SNAPSHOT_STATES[snapshot.status]}`);
  const allowlist = snapshot.allowlist_snapshot;
  const domains = allowlist?.domains ?? [];
  const hidden = domains.length - DOMAINS_SHOWN;
  return [
    ['snapshot', `${safe(snapshot.hash)}  ${state}`],
    ...(allowlist === undefined
      ? []
      : block('allowlist', [
          `${style.dim(`as of ${safe(formatTime(allowlist.captured_at, zone))}`)}${domains.length === 0 ? '  empty: stops every call' : ''}`,
          ...domains.slice(0, DOMAINS_SHOWN).map(safe),
          ...(hidden > 0 ? [`… and ${hidden} more (--json shows all)`] : []),
        ])),
  ];
}
