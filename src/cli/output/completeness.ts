/** What a judgement of completeness found, for people: the first few of each kind, and the command that lists them all. */
import type {
  CompletenessFindings,
  Downtime,
  Downtimes,
  Place,
} from '../../core/query/completeness/findings.ts';
import { counted } from '../facts.ts';
import { grouped } from './progress.ts';
import { safe } from './safe.ts';
import { sourceLines } from './sources.ts';
import type { Style } from './style.ts';
import { formatDuration } from './time.ts';
import { wrap } from './width.ts';

const FEW = 3;
const INDENT = '  ';
const DEEPER = '    ';

interface Finding {
  /** It makes the log incomplete; otherwise it is said and counts for nothing. */
  readonly missing: boolean;
  readonly what: string;
  readonly some: readonly string[];
  readonly count: number;
  /** For `--list`, where there is one. */
  readonly list?: string;
}

/** Nothing where there is nothing to say. */
export function completenessLines(
  findings: CompletenessFindings,
  style: Style,
  width: number | undefined,
): readonly string[] {
  const bySource = sourceLines(
    findings.sources,
    style,
    width === undefined ? undefined : width - DEEPER.length,
  );
  const sources =
    bySource.length === 0
      ? []
      : [
          ...fold(`${style.dim('–')} `, 2, 'by where it came in', INDENT, width),
          ...bySource.map((text) => `${DEEPER}${text}`),
        ];
  const told = findingsOf(findings).filter(({ count }) => count > 0);
  if (told.length === 0 && findings.exact) return sources;
  const lines = told.flatMap(({ missing, what, some, count, list }) => {
    const shown = some.slice(0, FEW);
    const rest =
      list !== undefined && count > shown.length
        ? [`… ${grouped(count - shown.length)} more: tally verify --list ${list}`]
        : [];
    return [
      ...fold(`${missing ? style.yellow('✗') : style.dim('–')} `, 2, what, INDENT, width),
      ...shown.flatMap((text) => fold('', 0, text, DEEPER, width)),
      ...rest.flatMap((text) => fold('', 0, text, DEEPER, width).map(style.dim)),
    ];
  });
  const unsure = findings.exact
    ? []
    : fold(
        `${style.yellow('✗')} `,
        2,
        'more was open at once than can be told apart: what lacks an end is at least as much',
        INDENT,
        width,
      );
  return [...lines, ...unsure, ...sources];
}

/** `mark` is as wide as `columns`; what wraps stands below the text. */
function fold(
  mark: string,
  columns: number,
  text: string,
  indent: string,
  width: number | undefined,
): string[] {
  const room = width === undefined ? undefined : Math.max(20, width - indent.length - columns);
  return wrap(text, room).map((part, i) => `${indent}${i === 0 ? mark : ' '.repeat(columns)}${part}`);
}

function findingsOf(found: CompletenessFindings): readonly Finding[] {
  const { without_end_count: actions, runs_without_end_count: runs } = found;
  const { imported_without_end_count: imported, secrets_outside_runs_count: secrets } = found;
  const open = found.open_actions + found.open_runs;
  return [
    {
      missing: true,
      what: `${counted(actions, 'action')} without an end`,
      some: found.without_end.map(placeText),
      count: actions,
      list: 'actions',
    },
    {
      missing: true,
      what: `${counted(runs, 'run')} without an end`,
      some: found.runs_without_end.map(safe),
      count: runs,
      list: 'runs',
    },
    {
      missing: true,
      what: `${counted(found.steps_missing_count, 'step')} that a program told and that never came`,
      some: found.steps_missing.map(
        ({ run_id, missing, index }) => `${counted(missing, 'step')} of ${safe(run_id)}, entry ${index}`,
      ),
      // Of the runs that lack some.
      count: found.steps_missing.length,
      list: 'steps',
    },
    {
      missing: true,
      what: `${counted(imported, 'imported call')} whose end no imported file tells`,
      some: found.imported_without_end.map(placeText),
      count: imported,
      list: 'imported',
    },
    {
      missing: true,
      what: `${counted(secrets, 'access', 'accesses')} of an agent to a secret outside of any run`,
      some: found.secrets_outside_runs.map(placeText),
      count: secrets,
      list: 'secrets',
    },
    {
      missing: true,
      what: `${counted(found.unrecorded_calls_count, 'call')} of an agent that its transcript has and no record`,
      some: found.unrecorded_calls.map(placeText),
      // Of the entries that name them.
      count: found.unrecorded_calls.length,
      list: 'unrecorded',
    },
    {
      missing: true,
      what: `${counted(found.hole_count, 'hole')} in the numbers of a recorder`,
      some: found.holes.map(
        ({ recorder_id, from, to, before }) =>
          `before entry ${before}: ${to - from === 1 ? `number ${from}` : `numbers ${from} to ${to - 1}`} of ${safe(recorder_id)}`,
      ),
      count: found.hole_count,
      list: 'holes',
    },
    {
      missing: true,
      what: `${counted(found.gap_count, 'time')} in which nothing could be written`,
      some: found.gaps.map((index) => `entry ${index}`),
      count: found.gap_count,
      list: 'gaps',
    },
    downtimeOf(
      found.crashed,
      'recorder that ended without a close',
      'recorders that ended without a close',
      'crashes',
    ),
    downtimeOf(found.stopped, 'clean stop', 'clean stops', 'stops'),
    {
      missing: false,
      what: `open now: ${counted(found.open_actions, 'action')}, ${counted(found.open_runs, 'run')}`,
      some: [...found.open.map(placeText), ...found.open_run_ids.map(safe)],
      count: open,
      list: 'open',
    },
    {
      missing: false,
      what: `${counted(found.untold_calls_count, 'recorded call')} of an agent that its transcript does not have`,
      some: [],
      count: found.untold_calls_count,
    },
    {
      missing: false,
      what: `${counted(found.failing_count, 'anchor or sink', 'anchors and sinks')} that ${found.failing_count === 1 ? 'fails' : 'fail'}`,
      some: found.failing.map(
        ({ kind, name, times, last, reason }) =>
          `${kind} ${safe(name)}: ${counted(times, 'failure')}, newest entry ${last}${reason === undefined ? '' : `: ${safe(reason)}`}`,
      ),
      count: found.failing_count,
      list: 'failing',
    },
  ];
}

/** One is told whole; of many the sum and the longest. */
function downtimeOf(
  { count, ms, longest, listed }: Downtimes,
  one: string,
  many: string,
  list: string,
): Finding {
  const sum = `${counted(count, one, many)}, ${formatDuration(ms)} without a recorder`;
  const some =
    count > FEW && longest !== undefined ? [`longest: ${downtimeText(longest)}`] : listed.map(downtimeText);
  return { missing: false, what: sum, some, count, list };
}

function downtimeText({ from, to, ms, before }: Downtime): string {
  return `${formatDuration(ms)} before entry ${before} (${safe(from)} to ${safe(to)})`;
}

function placeText({ index, id, type }: Place): string {
  return `entry ${index}  ${safe(type)}  ${safe(id)}`;
}
