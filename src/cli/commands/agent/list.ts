import type { Context } from '../../context.ts';
import { shown } from '../../facts.ts';
import { safe, toJson } from '../../output/safe.ts';
import { type Cell, type Column, layOut } from '../../output/table.ts';
import { type Listed, readListed, shortTime, type Token } from './listed.ts';

export interface ListOptions {
  readonly json?: boolean;
  readonly utc?: boolean;
  /** Tokens without the agents. */
  readonly tokens?: boolean;
  readonly live?: boolean;
}

export async function list(context: Context, options: ListOptions): Promise<void> {
  const { agents, tokens } = await readListed(context, { live: options.live });
  if (options.json === true) {
    await context.stdout.line(toJson(options.tokens === true ? { tokens } : { agents, tokens }));
    return;
  }
  if (options.tokens !== true && agents.length === 0) {
    await context.stderr.line('No agent is registered. Make one known: tally agent register NAME');
    return;
  }
  if (options.tokens === true && tokens.length === 0) {
    await context.stderr.line('No token is known. Issue one: tally agent token issue NAME');
    return;
  }
  const rows =
    options.tokens === true
      ? tokens.map((token) => [token.agent_id, token] as const)
      : byAgent({ agents, tokens });
  await table(context, rows, options.utc === true);
}

type Row = readonly [agentId: string | undefined, token: Token | undefined];

/** Every agent with its tokens below it; last those whose names only a delegator gave. */
function byAgent({ agents, tokens }: Listed): readonly Row[] {
  const of = Map.groupBy(tokens, ({ agent_id }) => agent_id);
  const names = new Set([...agents.map(({ agent_id }) => agent_id), ...of.keys()]);
  return [...names].flatMap((name): readonly Row[] => {
    const own = of.get(name) ?? [undefined];
    return own.map((token, i) => [i === 0 ? name : undefined, token]);
  });
}

const COLUMNS: readonly Column[] = [
  { header: 'AGENT', shrinkTo: 14 },
  { header: 'TOKEN', shrinkTo: 12, cut: 'middle' },
  { header: 'STATUS' },
  { header: 'USER', shrinkTo: 6, optional: 1 },
  { header: 'EXPIRES', optional: 2 },
  { header: 'USED', optional: 3 },
  { header: 'VIA', shrinkTo: 8, optional: 4 },
  { header: 'SCOPES', shrinkTo: 8, optional: 5 },
  { header: 'LABEL', shrinkTo: 6, optional: 6 },
];

/** A column that would be empty takes no room. */
function filled(columns: readonly Column[], rows: readonly (readonly Cell[])[]) {
  const kept = columns.flatMap((column, i) =>
    column.optional === undefined || rows.some((row) => (row[i]?.text ?? '') !== '') ? [i] : [],
  );
  return {
    columns: kept.flatMap((i) => columns[i] ?? []),
    rows: rows.map((row) => kept.map((i) => row[i] ?? { text: '' })),
  };
}

async function table({ stdout, now }: Context, rows: readonly Row[], utc: boolean): Promise<void> {
  const at = now();
  const time = (ts: string | undefined): Cell => ({ text: ts === undefined ? '' : shortTime(ts, at, utc) });
  const cells = rows.map(([name, token]): readonly Cell[] => [
    { text: name === undefined ? '' : safe(name) },
    { text: token?.token_id ?? '-' },
    { text: token?.status ?? '-', paint: token?.status === 'live' ? stdout.style.green : stdout.style.dim },
    { text: shown(token?.user_id) ?? '' },
    time(token?.expires_at),
    time(token?.last_used),
    { text: token?.chain?.map(safe).join(' > ') ?? '' },
    { text: token?.scopes?.map(safe).join(' ') ?? '' },
    { text: shown(token?.label) ?? '' },
  ]);
  const told = filled(COLUMNS, cells);
  const layout = layOut(told.columns, told.rows, stdout.width);
  await stdout.line(layout.header(stdout.style.dim));
  for (const row of told.rows) await stdout.line(layout.row(row));
}
