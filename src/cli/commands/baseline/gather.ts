/** What is usual for one agent and what it does now, out of the log. */
import { type Deviation, LOOK } from '../../../core/baseline/deviation.ts';
import { deviationsOf } from '../../../core/baseline/judge.ts';
import { windowBefore } from '../../../core/baseline/moment.ts';
import type { Present } from '../../../core/baseline/present.ts';
import { learnFrom, presentOf } from '../../../core/baseline/read.ts';
import { type View, viewOf } from '../../../core/baseline/view.ts';
import { TallyError } from '../../../core/error.ts';
import type { LogFilter } from '../../../core/query/filter.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { quoted } from '../../command-line.ts';
import { similarValue } from '../../empty.ts';
import { safe } from '../../output/safe.ts';
import { keepModel, keptDays } from './kept.ts';
import type { Now } from './span.ts';

export interface Question {
  readonly opened: OpenedQuery;
  readonly windowDays: number;
  readonly now: Now;
  readonly atMs: number;
  /** The state directory, when what is learned is kept there. */
  readonly cache: string | undefined;
  warn(line: string): void;
  onProgress(done: number, total?: number): void;
}

export interface Found {
  readonly agent: string;
  readonly windowDays: number;
  readonly now: { readonly since: string; readonly until: string; readonly run?: string };
  readonly view: View;
  readonly present: Present;
  readonly deviations: readonly Deviation[];
}

/** Throws NOT_FOUND for an agent or a run that the log does not have. */
export async function gather(question: Question, agent: string): Promise<Found> {
  const { opened, windowDays, now, atMs, cache, warn, onProgress } = question;
  const { query } = opened;
  if ((await query.count({ agent })) === 0) throw await unknownAgent(opened, agent);
  const at = new Date(atMs).toISOString();
  const since =
    'run' in now ? await startOf(opened, agent, now.run) : new Date(atMs - now.spanMs).toISOString();
  const params = { agent, ...windowBefore(Date.parse(since), windowDays) };
  const known = cache === undefined ? [] : await keptDays(cache, opened, agent, warn);
  const { model, learned } = await learnFrom(query, params, known, onProgress);
  if (cache !== undefined && learned > 0) await keepModel(cache, opened, model, known, warn);
  const view = viewOf(model);
  const filter: LogFilter = { since, until: at, ...('run' in now ? { run: now.run } : {}) };
  const present = await presentOf(query, view, filter);
  return {
    agent,
    windowDays,
    now: { since, until: at, ...('run' in now ? { run: now.run } : {}) },
    view,
    present,
    deviations: deviationsOf(view, present),
  };
}

export function isWorthALook({ score }: Deviation): boolean {
  return score >= LOOK;
}

async function unknownAgent({ query }: OpenedQuery, agent: string): Promise<TallyError> {
  const meant = await similarValue(query, 'agent', agent);
  return new TallyError('NOT_FOUND', `this log has no entry of an agent ${safe(agent)}`, {
    hint:
      meant === undefined
        ? '`tally baseline` lists the agents'
        : `did you mean \`tally baseline ${safe(quoted(meant))}\`?`,
  });
}

async function startOf({ query }: OpenedQuery, agent: string, run: string): Promise<string> {
  for await (const { ts } of query.rows({ agent, run }, { order: 'oldest', limit: 1 }))
    if (ts !== undefined && !Number.isNaN(Date.parse(ts))) return new Date(Date.parse(ts)).toISOString();
  const meant = await similarValue(query, 'run', run);
  throw new TallyError('NOT_FOUND', `this log has no run ${safe(run)} of ${safe(agent)}`, {
    hint:
      meant === undefined
        ? 'give the id of a run as in `tally log list --json`, or a span such as 1h'
        : `did you mean --now ${safe(quoted(meant))}?`,
  });
}
