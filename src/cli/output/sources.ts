/** What each source told, for people: what it is worth, and what of it is missing. */
import type { AgentFindings, SourceCounts, SourceFindings } from '../../core/query/completeness/findings.ts';
import { counted } from '../facts.ts';
import { grouped } from './progress.ts';
import { safe } from './safe.ts';
import type { Style } from './style.ts';
import { textWidth, wrap } from './width.ts';

const GAP = '  ';

interface Told {
  readonly name: string;
  readonly counts: SourceCounts & Pick<AgentFindings, 'complete'>;
}

/**
 * A line for each source and agent; where they do not fit beside each other, what it told stands below its name. Without
 * the recorder itself, which tells of the log alone.
 */
export function sourceLines(
  sources: readonly SourceFindings[],
  style: Style,
  width: number | undefined,
): readonly string[] {
  const told = sources.filter(({ surface }) => surface !== 'server').flatMap(rowsOf);
  const names = Math.max(0, ...told.map(({ name }) => textWidth(name)));
  const lines = told.map(({ counts }) => worth(counts));
  const beside = width === undefined || lines.every((line) => names + GAP.length + textWidth(line) <= width);
  return told.flatMap(({ name, counts }, i) => {
    const paint = counts.complete ? (text: string) => text : style.yellow;
    const line = lines[i] ?? '';
    if (beside) return [`${name}${' '.repeat(names - textWidth(name))}${GAP}${paint(line)}`];
    const below = wrap(line, Math.max(20, (width ?? 80) - GAP.length));
    return [...wrap(name, width), ...below.map((part) => `${GAP}${paint(part)}`)];
  });
}

/** A surface whose entries name one agent, or none, is one line; otherwise each agent has its own. */
function rowsOf({ surface, agents, ...all }: SourceFindings): readonly Told[] {
  const [one, ...more] = agents;
  const named = agents.reduce((sum, { entries }) => sum + entries, 0);
  if (one !== undefined && more.length === 0)
    return [{ name: `${safe(surface)} ${safe(one.agent)}`, counts: all }];
  const name = agents.length === 0 ? safe(surface) : `${safe(surface)} (no agent)`;
  const rest = named < all.entries ? [{ name, counts: without(all, agents) }] : [];
  return [
    ...rest,
    ...agents.map((agent) => ({ name: `${safe(surface)} ${safe(agent.agent)}`, counts: agent })),
  ];
}

/** What is of no agent. */
function without(
  all: SourceCounts & { readonly complete: boolean },
  agents: readonly AgentFindings[],
): SourceCounts & { readonly complete: boolean } {
  const left = { ...all } as { -readonly [K in keyof SourceCounts]: SourceCounts[K] } & { complete: boolean };
  for (const agent of agents) for (const name of NUMBERS) left[name] -= agent[name];
  return { ...left, complete: MISSING.every((name) => left[name] === 0) };
}

const MISSING = ['without_end', 'runs_without_end', 'steps_missing', 'gaps'] as const;
const NUMBERS = [
  ...MISSING,
  'entries',
  'enforced',
  'observed',
  'self_reported',
  'open_actions',
  'open_runs',
  'unknown_ends',
] as const;

function worth(one: SourceCounts): string {
  const some = (count: number, text: string): readonly string[] => (count === 0 ? [] : [text]);
  return [
    ...some(one.enforced, `${grouped(one.enforced)} enforced`),
    ...some(one.observed, `${grouped(one.observed)} observed`),
    ...some(one.self_reported, `${grouped(one.self_reported)} self-reported`),
    ...some(one.open_actions, `${grouped(one.open_actions)} open`),
    ...some(one.open_runs, `${counted(one.open_runs, 'run')} open`),
    ...some(one.unknown_ends, `${grouped(one.unknown_ends)} ended unseen`),
    ...some(one.without_end, `${grouped(one.without_end)} without an end`),
    ...some(one.runs_without_end, `${counted(one.runs_without_end, 'run')} without an end`),
    ...some(one.steps_missing, `${counted(one.steps_missing, 'step')} missing`),
    ...some(one.gaps, counted(one.gaps, 'gap')),
  ].join(', ');
}
