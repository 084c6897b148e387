/** What an entry is part of: its run, what it stands under, what stands under it, and the approval it belongs to. */
import { LIMITS } from '../../../core/limits.ts';
import { targetText } from '../../../core/query/call.ts';
import { field, numberAt, textAt } from '../../../core/query/fields.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { STATE_PAINTS, STATE_WORDS } from '../../approval-words.ts';
import { type ApprovalChain, approvalChain, type ChainLink, isAnswer } from '../../approvals.ts';
import { childrenOf, entryById, oneRow, type Placed } from '../../lookup.ts';
import { grouped } from '../../output/progress.ts';
import { safe } from '../../output/safe.ts';
import { formatDuration, formatTime } from '../../output/time.ts';
import { block, join, type Line, type TextOptions } from './show-lines.ts';

export interface RunContext {
  readonly run: string;
  readonly agent: string | undefined;
  readonly start: { readonly index: number; readonly ts: string | undefined } | undefined;
  readonly end:
    | { readonly index: number; readonly ts: string | undefined; readonly status: string | undefined }
    | undefined;
  /** Rows of the run. */
  readonly rows: number;
}

export interface EntryContext {
  readonly run: RunContext | undefined;
  /** What `parent_id` names, when that is not the beginning of this call. */
  readonly parent: Placed | undefined;
  readonly children: { readonly count: number; readonly some: readonly Placed[] };
  readonly approval: ApprovalChain | undefined;
}

const CHILDREN_READ = 100;
const CHILDREN_SHOWN = 5;

export async function readContext(opened: OpenedQuery, placed: Placed): Promise<EntryContext> {
  const { entry } = placed;
  const run = textAt(entry, 'run_id');
  const id = textAt(entry, 'id');
  const parent = textAt(entry, 'phase') === 'post_exec' ? undefined : textAt(entry, 'parent_id');
  const children = id === undefined ? NONE : await childrenOf(opened, id, CHILDREN_READ);
  return {
    run: run === undefined ? undefined : await readRun(opened, run),
    parent: parent === undefined ? undefined : await entryById(opened, parent),
    children,
    approval: await approvalChain(opened, placed),
  };
}

const NONE = { count: 0, some: [] } as const;

async function readRun(opened: OpenedQuery, run: string): Promise<RunContext> {
  const start = await oneRow(opened, { run, types: ['run.start'] }, { order: 'oldest' });
  const end = await oneRow(opened, { run, types: ['run.end'] });
  return {
    run,
    agent: start?.agent,
    start: start === undefined ? undefined : { index: start.index, ts: start.ts },
    end: end === undefined ? undefined : { index: end.index, ts: end.ts, status: end.status },
    rows: await opened.query.count({ run }),
  };
}

export function contextLines(context: EntryContext, options: TextOptions): Line[] {
  const { run, parent, children, approval } = context;
  // The end of this very call is told as its other half.
  const below = children.some.filter(({ entry }) => textAt(entry, 'phase') !== 'post_exec');
  const hidden = children.count - children.some.length + Math.max(0, below.length - CHILDREN_SHOWN);
  return [
    ...(run === undefined ? [] : runLines(run, options)),
    ...(parent === undefined ? [] : [['under', placedText(parent)] as const]),
    ...block('led to', [
      ...below.slice(0, CHILDREN_SHOWN).map(placedText),
      ...(hidden > 0 ? [`… and ${grouped(hidden)} more`] : []),
    ]),
    ...(approval === undefined ? [] : approvalLines(approval, options)),
  ];
}

function runLines({ run, agent, start, end, rows }: RunContext, { style, zone }: TextOptions): Line[] {
  const time = (ts: string | undefined): string => (ts === undefined ? '?' : safe(formatTime(ts, zone)));
  const began = start === undefined ? style.yellow('no run.start in the log') : `started ${time(start.ts)}`;
  const over =
    end === undefined
      ? style.yellow('no run.end in the log')
      : `ended ${time(end.ts)} ${safe(end.status ?? '')}`;
  return [
    [
      'run',
      join([safe(run), agent === undefined ? undefined : `of ${safe(agent)}`, `${grouped(rows)} rows`]),
    ],
    ['', join([began, over])],
  ];
}

function placedText({ index, entry }: Placed): string {
  const target = targetText(field(entry, 'action', 'target'));
  const what = target ?? textAt(entry, 'action', 'tool', 'name') ?? textAt(entry, 'action', 'name') ?? '';
  const method = textAt(entry, 'action', 'target', 'method') ?? '';
  return join([`entry ${index}`, safe(textAt(entry, 'type') ?? '?'), safe(`${method} ${what}`.trim())]);
}

const ROLE_WORDS: Readonly<Record<ChainLink['role'], string>> = {
  asked: 'asked',
  request: 'request',
  grant: 'granted',
  deny: 'denied',
  expire: 'expired',
  resumed: 'went on',
};

/** Links are read from the log for this answer; each has a proof of its own with `tally log show`. */
function approvalLines({ state, links, cut }: ApprovalChain, options: TextOptions): Line[] {
  const { style } = options;
  const lines = links.flatMap((link) => linkTexts(link, options));
  const paint = style[STATE_PAINTS[state]];
  const told = state === 'resumed' ? 'granted, and the call went on' : STATE_WORDS[state];
  return block('approval', [
    paint(told),
    ...lines,
    ...(cut ? [style.yellow(`there are more than ${LIMITS.approvalLinks} entries in this chain`)] : []),
  ]);
}

/** What somebody said when they answered. */
const quoted = (reason: string | undefined): string | undefined =>
  reason === undefined ? undefined : `“${safe(reason)}”`;

function linkTexts(link: ChainLink, { style, zone }: TextOptions): readonly string[] {
  const { role, entry, index, end } = link;
  const who = textAt(entry, 'actor', 'user', 'id') ?? textAt(entry, 'actor', 'agent_id');
  const ts = textAt(entry, 'ts');
  const counts = isAnswer(link) || !(role === 'grant' || role === 'deny' || role === 'expire');
  const begun = join([
    `${ROLE_WORDS[role].padEnd(8)} entry ${index}`,
    ts === undefined ? undefined : style.dim(safe(formatTime(ts, zone))),
    who === undefined ? undefined : `by ${safe(who)}`,
    counts ? undefined : style.yellow('self-reported: it answers nothing'),
    role === 'grant' || role === 'deny' ? quoted(textAt(entry, 'reason')) : undefined,
  ]);
  if (end === undefined) return [begun];
  const code = numberAt(end.entry, 'outcome', 'status_code');
  const took = numberAt(end.entry, 'outcome', 'duration_ms');
  const ended = join([
    `${' '.repeat(7)}→ entry ${end.index}`,
    safe(textAt(end.entry, 'outcome', 'status') ?? '?'),
    code === undefined ? undefined : String(code),
    took === undefined ? undefined : formatDuration(took),
  ]);
  return [begun, ended];
}

export function contextJson({ run, parent, children, approval }: EntryContext): object {
  return {
    run: run === undefined ? null : { ...run, start: run.start ?? null, end: run.end ?? null },
    parent: parent === undefined ? null : { index: parent.index, type: textAt(parent.entry, 'type') },
    children: { count: children.count, first: children.some.map(({ index }) => index) },
    approval:
      approval === undefined
        ? null
        : {
            state: approval.state,
            complete: !approval.cut,
            links: approval.links.map(({ role, index, entry, end }) => ({
              role,
              index,
              id: textAt(entry, 'id'),
              ts: textAt(entry, 'ts'),
              by: textAt(entry, 'actor', 'user', 'id') ?? textAt(entry, 'actor', 'agent_id'),
              end:
                end === undefined
                  ? null
                  : { index: end.index, status: textAt(end.entry, 'outcome', 'status') },
            })),
          },
  };
}
