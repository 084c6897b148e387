/** What a replay found, for a person. */
import type { ChangeRow } from '../../../core/replay/differences.ts';
import { counted } from '../../facts.ts';
import { NARROW } from '../../output/narrow.ts';
import { grouped } from '../../output/progress.ts';
import { safe } from '../../output/safe.ts';
import type { Output } from '../../output/stream.ts';
import { type Cell, type Column, layOut } from '../../output/table.ts';
import { fit } from '../../output/width.ts';
import type { Problem, Replay } from '../../replay/replay.ts';

/** Named one by one; --json names more. */
const NAMED = 20;
const ROWS = 40;

/** Why it cannot be found out. */
const WHY: Readonly<Record<string, string>> = {
  engine: 'a newer engine',
  redacted: 'it was redacted',
  inputs: 'inputs too large',
  format: 'a newer format',
  principal: 'user not recorded',
  facts: 'facts not recorded',
  grant: 'another approval',
  window: 'window not counted',
  budget: 'budget not read',
  addresses: 'name not looked up',
};

export function replayLines(done: Replay, { style, width }: Pick<Output, 'style' | 'width'>): string[] {
  const lines = [headline(done, style)];
  const { problems, unreadable, reworded } = done;
  for (const problem of problems.first.slice(0, NAMED)) lines.push(`  ${problemLine(problem)}`);
  if (problems.count > NAMED)
    lines.push(
      `  … and ${grouped(problems.count - NAMED)} more (--json names ${grouped(problems.first.length)})`,
    );
  if (problems.first.some(({ chain }) => chain !== 'broken'))
    lines.push(
      style.dim(
        '  where the hashes around an entry fit, it was rewritten with them, or this is a fault of tally: `tally verify` tells which',
      ),
    );
  if (unreadable.segments + unreadable.lines > 0)
    lines.push(style.red('a part of the log could not be read: run `tally verify`'));
  if (reworded > 0)
    lines.push(
      style.dim(
        `${counted(reworded, 'of them is', 'of them are')} explained in other words than this version's`,
      ),
    );
  for (const [why, count] of Object.entries(done.undecidable))
    lines.push(`not found out: ${grouped(count)} (${WHY[why] ?? why})`);
  const others = [
    ...(done.operator > 0 ? [counted(done.operator, 'refused request')] : []),
    ...(done.imported > 0 ? [counted(done.imported, 'imported decision')] : []),
  ];
  if (others.length > 0) lines.push(style.dim(`not the policy's, and left out: ${others.join(', ')}`));
  if (done.against !== undefined) lines.push('', ...againstLines(done.against, { style, width }));
  return lines;
}

function headline({ decisions, agree, problems }: Replay, style: Pick<Output, 'style'>['style']): string {
  const all = counted(decisions, 'decision');
  if (decisions === 0 && problems.count === 0) return 'no decision matches';
  if (problems.count === 0 && agree === decisions)
    return `${style.green('agree')}  ${all}: each replays from its own snapshot and inputs`;
  if (problems.count === 0) return `${all}: ${grouped(agree)} replay, none is contradicted`;
  return `${style.red('ALTERED')}  ${all}: ${grouped(agree)} replay, ${grouped(problems.count)} do not`;
}

function problemLine({ index, chain, members, snapshot }: Problem): string {
  const why = [
    ...(snapshot === undefined ? [] : [`its policy snapshot is ${snapshot}`]),
    ...(members.length === 0 ? [] : [`decided otherwise: ${members.map(safe).join(', ')}`]),
    ...(chain === 'broken' ? ['it is not the entry that the next one names'] : []),
  ];
  return `entry ${index}: ${why.join('; ')}`;
}

const COLUMNS: readonly Column[] = [
  { header: 'BEFORE → AFTER' },
  { header: 'REASON', shrinkTo: 16, cut: 'middle', weight: 2 },
  { header: 'AGENT', shrinkTo: 7, cut: 'middle', optional: 1 },
  { header: 'HOST/TOOL', shrinkTo: 14, cut: 'middle' },
  { header: 'COUNT', align: 'right' },
  { header: 'UNDECIDABLE', align: 'right' },
  { header: 'FIRST', optional: 2 },
];

function againstLines(
  { same, differ, undecidable, rows, rest }: NonNullable<Replay['against']>,
  { style, width }: Pick<Output, 'style' | 'width'>,
): string[] {
  const lines = [
    `under the other policy: ${grouped(same)} the same, ${grouped(differ)} decided otherwise, ${grouped(undecidable)} undecidable`,
  ];
  const shown = rows.slice(0, ROWS);
  if (shown.length > 0 && width !== undefined && width < NARROW)
    for (const row of shown) lines.push(...narrowRow(row, style.dim, width));
  else if (shown.length > 0) {
    const cells = shown.map(cellsOf);
    const layout = layOut(COLUMNS, cells, width);
    lines.push(layout.header(style.dim), ...cells.map(layout.row));
  }
  const left = rows.slice(ROWS).reduce((sum, { count }) => sum + count, rest);
  if (left > 0) lines.push(`… and ${grouped(left)} more calls of other kinds (--json names more)`);
  return lines;
}

function changeWords({ before, after }: ChangeRow): string {
  const word = (outcome: string): string => outcome.replace('approval_required', 'approval');
  return `${word(before)} → ${after === undefined ? '?' : word(after)}`;
}

function reasonWords({ after, reason }: ChangeRow): string {
  return after === undefined ? (WHY[reason] ?? reason) : reason;
}

function cellsOf(row: ChangeRow): readonly Cell[] {
  return [
    { text: safe(changeWords(row)) },
    { text: safe(reasonWords(row)) },
    { text: safe(row.agent === '' ? '-' : row.agent) },
    { text: safe(row.to) },
    { text: row.undecidable > 0 ? '' : grouped(row.count) },
    { text: row.undecidable > 0 ? grouped(row.undecidable) : '' },
    { text: row.examples.join(' ') },
  ];
}

function narrowRow(row: ChangeRow, dim: (text: string) => string, width: number): string[] {
  const much = row.undecidable > 0 ? `${grouped(row.undecidable)} undecidable` : grouped(row.count);
  const who = row.agent === '' ? '' : ` (${safe(row.agent)})`;
  return [
    fit(`${safe(changeWords(row))}  ${much}`, width),
    fit(`  ${safe(row.to)}${who}`, width, 'middle'),
    dim(fit(`  ${safe(reasonWords(row))}; ${row.examples.join(' ')}`, width)),
  ];
}
