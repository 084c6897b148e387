/** The text of `tally log show`: label, value, one thing a line. */
import type { JsonObject } from '../../../core/json.ts';
import { targetText } from '../../../core/query/call.ts';
import { field, listAt, numberAt, textAt } from '../../../core/query/fields.ts';
import type { TimeWindow } from '../../../core/query/window.ts';
import type { FoundEntry } from '../../find.ts';
import { safe, toJsonLine } from '../../output/safe.ts';
import type { Style } from '../../output/style.ts';
import { formatDuration, formatTime, zoneName } from '../../output/time.ts';
import { wrap } from '../../output/width.ts';
import type { Erasure } from '../../payloads.ts';
import type { ProofState } from '../../prove.ts';
import type { ShownSnapshot } from '../../snapshot.ts';
import { contextLines, type EntryContext } from './show-context.ts';
import { decisionLines, snapshotLines } from './show-decision.ts';
import { block, join, type Line, layLines, named, type TextOptions } from './show-lines.ts';
import { payloadLines } from './show-payload.ts';
import { proofLines } from './show-proof.ts';
import { windowLines } from './show-window.ts';

export interface Shown extends FoundEntry {
  readonly proof: ProofState;
  readonly snapshot: ShownSnapshot | undefined;
  /** What anchors prove about its time. */
  readonly window: TimeWindow;
  /** Of its payload. */
  readonly erased: Erasure | undefined;
  /** What it is part of; undefined when the index cannot be had. */
  readonly context: EntryContext | undefined;
}

export function showEntry(shown: Shown, options: TextOptions): string {
  const { entry, other } = shown;
  const { style } = options;
  const title = [
    style.bold(`entry ${shown.index}`),
    safe(textAt(entry, 'type') ?? '?'),
    style.dim(safe(textAt(entry, 'phase') ?? '')),
    style.dim(safe(textAt(entry, 'id') ?? '')),
  ];
  const lines: Line[] = [
    ...whenLines(entry, options),
    ...whoLines(entry),
    ...whatLines(entry),
    ...credentialLines(entry),
    ...decisionLines(entry, style),
    ...(entry.decision === undefined && other !== undefined ? decisionLines(other, style) : []),
    ...snapshotLines(shown.snapshot, options),
    ...outcomeLines(entry, style),
    ...pairLines(shown, style),
    ...(shown.context === undefined ? parentLines(entry) : contextLines(shown.context, options)),
    ...sourceLines(entry),
    ...payloadLines(entry, shown.index, shown.erased),
    ...restLines(entry),
    ...proofLines(shown, style),
    ...windowLines(shown.window, options.zone),
  ];
  return [...wrap(title.join('  '), options.width), ...layLines(lines, options)].join('\n').concat('\n');
}

function whenLines(entry: JsonObject, { zone, style }: TextOptions): Line[] {
  const ts = textAt(entry, 'ts');
  if (ts === undefined) return [];
  const ms = Date.parse(ts);
  const shown = Number.isNaN(ms) ? safe(ts) : `${formatTime(ts, zone)} ${style.dim(zoneName(ms, zone))}`;
  const back = textAt(entry, 'clock') === 'back' ? style.yellow('the clock went back here') : undefined;
  return [['time', join([shown, back])]];
}

function whoLines(entry: JsonObject): Line[] {
  const actor = field(entry, 'actor');
  const lines: Line[] = [];
  const agent = textAt(actor, 'agent_id');
  const level = textAt(actor, 'identity_level');
  const token = textAt(actor, 'agent_token_id');
  if (agent !== undefined || level !== undefined) {
    const how =
      level === undefined ? undefined : `(${safe(level)}${token === undefined ? '' : ` by ${safe(token)}`})`;
    lines.push(['agent', join([safe(agent ?? 'anonymous'), how])]);
  }
  const user = join([
    textAt(actor, 'user', 'id') === undefined ? undefined : safe(textAt(actor, 'user', 'id') ?? ''),
    named('role', textAt(actor, 'role')),
    named('os user', textAt(actor, 'os', 'user')),
    named('pid', numberAt(actor, 'os', 'pid')),
    named('exe', textAt(actor, 'os', 'exe')),
    named('on', textAt(actor, 'os', 'host')),
    named('detected', textAt(actor, 'detected', 'agent')),
  ]);
  if (user !== '') lines.push(['user', user]);
  const forWhom = textAt(actor, 'on_behalf_of', 'id');
  if (forWhom !== undefined)
    lines.push(['on behalf of', join([safe(forWhom), named('a', textAt(actor, 'on_behalf_of', 'type'))])]);
  const chain = listAt(actor, 'delegation_chain').map((name) => safe(String(name)));
  if (chain.length > 0) lines.push(['delegated by', [...chain, safe(agent ?? '?')].join(' → ')]);
  const place = join([
    named('run', textAt(entry, 'run_id')),
    named('step', textAt(entry, 'step_id')),
    named('session', textAt(entry, 'session_id')),
    named('tenant', textAt(entry, 'tenant_id')),
    named('project', textAt(entry, 'project_id')),
    named('environment', textAt(entry, 'environment')),
  ]);
  if (place !== '') lines.push(['part of', place]);
  const reason = textAt(entry, 'reason');
  if (reason !== undefined) lines.push(['purpose', safe(reason)]);
  return lines;
}

/** Without an index nobody looked what it is. */
function parentLines(entry: JsonObject): Line[] {
  const parent = textAt(entry, 'phase') === 'post_exec' ? undefined : textAt(entry, 'parent_id');
  return parent === undefined ? [] : [['under', safe(parent)]];
}

function whatLines(entry: JsonObject): Line[] {
  const action = field(entry, 'action');
  if (action === undefined) return [];
  const target = targetText(field(action, 'target'));
  const method = textAt(action, 'target', 'method');
  const place = target === undefined ? undefined : join([method, target], ' ');
  // A plain call has no name that says more than where it goes.
  const name =
    place === undefined || textAt(action, 'tool', 'name') !== undefined ? textAt(action, 'name') : undefined;
  const what = name === undefined ? place : join([name, place], '  at ');
  const hash = textAt(action, 'args_hash');
  return [
    ['action', safe(what ?? '')],
    ...block(
      '',
      [
        named('key', textAt(action, 'key')),
        hash === undefined
          ? undefined
          : join([named('arguments', hash), named('', textAt(action, 'args_hash_alg'))]),
      ].filter((text) => text !== undefined),
    ),
  ];
}

function credentialLines(entry: JsonObject): Line[] {
  const uses = listAt(entry, 'credentials').map((use) =>
    join([
      safe(textAt(use, 'ref') ?? '?'),
      named('as', textAt(use, 'injection_style')),
      named('from', textAt(use, 'provider')),
    ]),
  );
  return block('credentials', uses);
}

function outcomeLines(entry: JsonObject, style: Style): Line[] {
  const outcome = field(entry, 'outcome');
  if (outcome === undefined) return [];
  const status = textAt(outcome, 'status') ?? '?';
  const duration = numberAt(outcome, 'duration_ms');
  const code = numberAt(outcome, 'status_code');
  const paint = status === 'ok' && (code ?? 0) < 400 ? style.green : style.red;
  return [
    [
      'outcome',
      join([
        paint(safe(status)),
        named('status', code),
        duration === undefined ? undefined : formatDuration(duration),
        named('in', numberAt(outcome, 'bytes_in')),
        named('out', numberAt(outcome, 'bytes_out')),
        field(outcome, 'late') === true ? style.yellow('late') : undefined,
        field(outcome, 'redacted') === true ? style.yellow('scrubbed') : undefined,
      ]),
    ],
    ...block(
      '',
      [
        join([
          named('error', textAt(outcome, 'error_kind')),
          textAt(outcome, 'error') === undefined ? undefined : safe(textAt(outcome, 'error') ?? ''),
        ]),
        named('request hash', textAt(outcome, 'request_hash')) ?? '',
        named('result hash', textAt(outcome, 'result_hash')) ?? '',
      ].filter((text) => text !== ''),
    ),
  ];
}

function pairLines({ entry, other }: Shown, style: Style): Line[] {
  const phase = textAt(entry, 'phase');
  if (phase !== 'pre_exec' && phase !== 'post_exec') return [];
  const label = phase === 'pre_exec' ? 'ended by' : 'begun by';
  if (other === undefined) {
    return [
      [
        label,
        style.yellow(
          phase === 'pre_exec' ? 'nothing yet: the action is open' : 'its pre_exec is not in this log',
        ),
      ],
    ];
  }
  const outcome =
    phase === 'pre_exec' ? textAt(other, 'outcome', 'status') : textAt(other, 'decision', 'outcome');
  const code = phase === 'pre_exec' ? numberAt(other, 'outcome', 'status_code') : undefined;
  const duration = phase === 'pre_exec' ? numberAt(other, 'outcome', 'duration_ms') : undefined;
  return [
    [
      label,
      join([
        `entry ${numberAt(other, 'index') ?? '?'}`,
        outcome === undefined ? undefined : safe(outcome),
        code === undefined ? undefined : String(code),
        duration === undefined ? undefined : formatDuration(duration),
        phase === 'pre_exec' ? named('error', textAt(other, 'outcome', 'error_kind')) : undefined,
      ]),
    ],
  ];
}

function sourceLines(entry: JsonObject): Line[] {
  const source = field(entry, 'source');
  if (source === undefined) return [];
  return [
    [
      'source',
      join([
        safe(textAt(source, 'surface') ?? '?'),
        safe(textAt(source, 'assurance') ?? ''),
        named('recorder', textAt(source, 'recorder_id')),
        named('version', textAt(source, 'recorder_version')),
        named('seq', numberAt(source, 'seq')),
      ]),
    ],
  ];
}

/** Members that the lines above read. Everything else is shown as it is: nothing in an entry stays hidden. */
// biome-ignore format: a list
const READ: ReadonlySet<string> = new Set([
  'v', 'id', 'index', 'prev', 'ts', 'clock', 'type', 'phase', 'tenant_id', 'project_id', 'environment', 'run_id', 'step_id',
  'session_id', 'parent_id', 'actor', 'action', 'credentials', 'decision', 'outcome', 'reason', 'source', 'payload',
]);

function restLines(entry: JsonObject): Line[] {
  return Object.entries(entry)
    .filter(([name]) => !READ.has(name))
    .map(([name, value]) => [safe(name), toJsonLine(value)]);
}
