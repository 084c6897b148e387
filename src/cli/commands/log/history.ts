import { Command } from 'commander';
import { TallyError } from '../../../core/error.ts';
import { factsOf } from '../../../core/query/call.ts';
import { openAsked } from '../../ask.ts';
import type { AskedRow } from '../../asking.ts';
import type { Context } from '../../context.ts';
import { dimensionWord } from '../../dimensions.ts';
import { similarValue } from '../../empty.ts';
import { toFilter } from '../../filters.ts';
import { examples, readingOptions, wholeNumber } from '../../help.ts';
import { toJson } from '../../output/safe.ts';
import { recordRead } from '../../record-read.ts';
import { reportMalformed } from './damage.ts';
import { type History, type Newest, type Principal, readHistory } from './history-read.ts';
import { historyLines } from './history-text.ts';

interface HistoryOptions {
  readonly user?: string;
  readonly top: number;
  readonly since?: string;
  readonly until?: string;
  readonly json?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

const DEFAULT_TOP = 10;

export function buildHistory(context: Context): Command {
  const command = new Command('history')
    .description(
      'Everything that one agent did, or one person: first and last seen, hosts, tools and credentials with the time they first came up, runs and how they ended, approvals asked for and answered, and what was stopped.',
    )
    .argument('[agent]', 'its name, as in the WHO column of `tally log list`')
    .option('--user <id>', 'a person, or a user of the operating system, instead of an agent')
    .option('--top <n>', 'values of each kind', wholeNumber(1), DEFAULT_TOP)
    .option('--since <time>', '7d (ago), yesterday, 2026-11-20, or RFC 3339')
    .option('--until <time>', 'before this time')
    .option('--dir <directory>', 'another log directory');
  readingOptions(command).addHelpText('after', JSON_HELP);
  return examples(command, [
    ['tally log history builder', 'all that one agent did'],
    ['tally log history builder --since 7d', 'in the last week'],
    ['tally log history --user kim', 'all that one person did'],
  ]).action((agent: string | undefined, options: HistoryOptions) => history(context, agent, options));
}

const JSON_HELP = `
--json prints {"agent"|"user","first_seen","last_seen","totals":{…},"hours":[…],
"by":{"host":{"distinct":n,"values":[{"value","first_seen","last_seen","first",
"last",…}]},…},"runs":{"order":"newest"|
"busiest","distinct":n,"values":[{"run","ended"|null,…}]},
"approvals":{"total":n,"newest":[{"index","ts","subject","state","answered_by"?,
"answered_at"?,"links":[{"role","index","end"?}]}]},"answered":{…},"stops":{…},
"on_behalf_of":n}. Counts (…) are those of \`tally log summary --json\`. A state is
unanswered, granted, denied, expired or resumed, by what the log says.`;

async function history(context: Context, agent: string | undefined, options: HistoryOptions): Promise<void> {
  const { stdout } = context;
  const principal = principalOf(agent, options.user);
  const zone = { utc: options.utc === true };
  const nowMs = context.now();
  const { since, until } = options;
  const filter = toFilter(
    { ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) },
    nowMs,
    zone,
  );
  const opened = await openAsked(context, options.dir);
  await recordRead(context, 'history', { ...filter, [principal.kind]: principal.name }, options.dir);
  try {
    const found = await readHistory(opened, principal, { filter, top: options.top });
    if (found === undefined) throw await unknownPrincipal(opened, principal, filter.since ?? filter.until);
    if (options.json === true) await stdout.line(toJson(historyJson(found)));
    else {
      const lines = historyLines(found, {
        style: stdout.style,
        width: stdout.width,
        zone,
        nowMs,
        top: options.top,
        sinceMs: filter.since === undefined ? undefined : Date.parse(filter.since),
        untilMs: filter.until === undefined ? undefined : Date.parse(filter.until),
      });
      for (const line of lines) await stdout.line(line);
    }
    await reportMalformed(context, opened, found.unfit);
  } finally {
    await opened.close();
  }
}

function principalOf(agent: string | undefined, user: string | undefined): Principal {
  if (agent !== undefined && user !== undefined) {
    throw new TallyError('USAGE', `whose history: the agent ${agent}, or the user ${user}?`, {
      hint: 'name one of them; `tally log list --agent A --user U` finds what concerns both',
    });
  }
  if (agent !== undefined) return { kind: 'agent', name: agent };
  if (user !== undefined) return { kind: 'user', name: user };
  throw new TallyError('USAGE', 'whose history?', {
    hint: 'name an agent, or a person with --user; `tally log summary --by agent,user` lists them',
  });
}

async function unknownPrincipal(
  { query }: Awaited<ReturnType<Context['openQuery']>>,
  { kind, name }: Principal,
  bounded: string | undefined,
): Promise<TallyError> {
  if (bounded !== undefined && (await query.count({ [kind]: name })) > 0) {
    return new TallyError('NOT_FOUND', `the ${kind} ${name} did nothing in that time`, {
      hint: 'widen --since and --until',
    });
  }
  const flag = kind === 'user' ? '--user ' : '';
  const meant = await similarValue(query, kind, name);
  const other = kind === 'agent' ? 'user' : 'agent';
  const isOther = (await query.count({ [other]: name })) > 0;
  const hint = isOther
    ? `it is the name of ${other === 'user' ? 'a person: give it with --user' : 'an agent: give it without --user'}`
    : meant === undefined
      ? `\`tally log summary --by ${kind} --top 50\` lists them`
      : `did you mean ${flag}${meant}?`;
  return new TallyError('NOT_FOUND', `no ${kind} ${name} in this log`, { hint });
}

export function historyJson(found: History): object {
  const { principal, summary, seen, runs, approvals, answered, stops } = found;
  const by = [...seen].map(([dimension, { distinct, values }]) => [
    dimensionWord(dimension),
    { distinct, values: values.map(({ tally, ...rest }) => ({ ...rest, ...tally })) },
  ]);
  return {
    [principal.kind]: principal.name,
    first_seen: found.firstSeen,
    last_seen: found.lastSeen,
    totals: summary.totals,
    hours: summary.hours.map(({ hour, tally }) => ({ hour, ...tally })),
    by: Object.fromEntries(by),
    runs: {
      order: runs.order,
      distinct: runs.distinct,
      values: runs.values.map(({ value, tally, ended, ...rest }) => ({
        run: value,
        ended: ended ?? null,
        ...rest,
        ...tally,
      })),
    },
    approvals: {
      total: approvals.total,
      newest: approvals.some.map(({ row, chain, answer }) => ({
        ...rowJson(row),
        state: chain?.state ?? 'unanswered',
        answered_by: answer?.by,
        answered_at: answer?.ts,
        links: (chain?.links ?? []).map(({ role, index, end }) => ({ role, index, end: end?.index })),
      })),
    },
    answered: newestJson(answered),
    stops: newestJson(stops),
    on_behalf_of: found.doneFor,
    unfit: { count: found.unfit.count, entries: found.unfit.some },
  };
}

function newestJson({ total, some }: Newest<AskedRow>): object {
  return { total, newest: some.map(rowJson) };
}

function rowJson({ row, call }: AskedRow): object {
  const { ts, type, agent, method, subject, decision, reasonCode, status } = factsOf(call);
  return { index: row.index, ts, type, agent, method, subject, decision, reason: reasonCode, status };
}
