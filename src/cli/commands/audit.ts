import { Command, Option } from 'commander';
import type { JsonObject } from '../../core/json.ts';
import { isImported } from '../../core/query/assurance.ts';
import { field, isObject, textAt } from '../../core/query/fields.ts';
import type { LogFilter } from '../../core/query/filter.ts';
import { secretspec } from '../../core/view/secretspec.ts';
import type { OpenedQuery } from '../../open/query.ts';
import { readRows } from '../asking.ts';
import type { Context } from '../context.ts';
import { say } from '../export/say.ts';
import { counted } from '../facts.ts';
import { examples, wholeNumber } from '../help.ts';
import { auditCells, auditColumns } from '../output/audit-rows.ts';
import { longTable } from '../output/long-table.ts';
import { safeJsonText } from '../output/safe.ts';
import { zoneName } from '../output/time.ts';
import { recordRead } from '../record-read.ts';

interface AuditOptions {
  readonly limit: number;
  readonly all?: boolean;
  readonly project?: string;
  readonly profile?: string;
  readonly action?: string;
  readonly agent?: string;
  readonly outcome?: string;
  readonly json?: boolean;
  readonly utc?: boolean;
  readonly dir?: string;
}

// biome-ignore format: a list
const ACTIONS = ['get', 'set', 'check', 'run', 'import', 'delete', 'export'] as const;
// biome-ignore format: a list
const OUTCOMES = ['found', 'missing', 'default', 'written', 'deleted', 'started', 'error'] as const;
const DEFAULT_ROWS = 20;

export function build(context: Context): Command {
  const command = new Command('audit')
    .summary('who used which secret, and what came of it')
    .description(
      'Accesses to secrets, in the words of secretspec: the newest ones, and of these the newest last. No value of a secret is in any of them.',
    )
    .option('-n, --limit <n>', 'so many of the newest', wholeNumber(1), DEFAULT_ROWS)
    .option('--all', 'every one')
    .option('--project <name>', 'only this project')
    .option('--profile <name>', 'only this profile')
    .addOption(new Option('--action <action>', 'only this').choices(ACTIONS))
    .option('--agent <name>', 'only by this agent')
    .addOption(new Option('--outcome <outcome>', 'only this').choices(OUTCOMES))
    .option('--json', 'the records, one JSON object a line, as secretspec prints them')
    .option('--utc', 'times in UTC, not in the local zone')
    .option('--dir <directory>', 'another log directory')
    .addHelpText('after', HELP);
  return examples(command, [
    ['tally audit', 'the newest 20 accesses'],
    ['tally audit --project my-app --action run', 'programs that were started with secrets of a project'],
    ['tally audit --json | jq \'select(.outcome == "missing")\'', 'for a program'],
  ]).action((options: AuditOptions) => audit(context, options));
}

const HELP = `
--json prints for each access v, id, ts, session_id, seq, action, project, profile,
key or keys, command, provider, ref, outcome, error_kind, reason, caller, actor
{user, agent, is_agent} and version; what is not known is absent. Names of secrets
are in it, values never. Of an imported access, imported {format, file, line, ts} is
added: ts there is when it happened as its file says, ts itself when it was recorded
here; the table shows the former, with a ~ before it. Rows are in the order of the log. The same as a file: tally log export --view secretspec.`;

async function audit(context: Context, options: AuditOptions): Promise<void> {
  const opened = await context.openQuery(options.dir === undefined ? {} : { log: options.dir });
  try {
    if (opened.query.size === 0) await opened.opened.logInfo();
    const filter: LogFilter = {
      types: ['secret.access'],
      ...(options.project === undefined ? {} : { project: options.project }),
    };
    await recordRead(context, 'audit', filter, options.dir);
    const records = newest(opened, filter, options);
    if (options.json === true) await printLines(context, records);
    else await printTable(context, records, options);
  } finally {
    await opened.close();
  }
}

/** The newest `limit` that are wanted, oldest of these first: found from the end, then read forwards. */
async function* newest(
  opened: OpenedQuery,
  filter: LogFilter,
  options: AuditOptions,
): AsyncGenerator<JsonObject> {
  let after = -1;
  if (options.all !== true) {
    let left = options.limit;
    const found = readRows(opened, opened.query.rows(filter, { order: 'newest' }));
    for await (const { row, call } of found.rows()) {
      left -= secretspec.records(call).filter((record) => isWanted(record, options)).length;
      if (left > 0) continue;
      after = row.index - 1;
      break;
    }
  }
  const rows = opened.query.rows(filter, { order: 'oldest', ...(after < 0 ? {} : { after }) });
  for await (const { call } of readRows(opened, rows).rows())
    for (const record of secretspec.records(call))
      if (isWanted(record, options)) yield { ...record, ...originOf(call.first) };
}

/** Of an imported access, where it is from, and when it happened as that says: `ts` is when it was recorded here. */
function originOf(entry: JsonObject): JsonObject {
  const from = field(entry, 'metadata', 'imported');
  if (!isImported(entry) || !isObject(from)) return {};
  const members = ['format', 'file', 'line', 'ts'].map((name) => [name, field(from, name)] as const);
  return { imported: Object.fromEntries(members.filter(([, value]) => value !== undefined)) as JsonObject };
}

function isWanted(record: JsonObject, { profile, action, agent, outcome }: AuditOptions): boolean {
  return (
    (profile === undefined || textAt(record, 'profile') === profile) &&
    (action === undefined || textAt(record, 'action') === action) &&
    (agent === undefined || textAt(record, 'actor', 'agent') === agent) &&
    (outcome === undefined || textAt(record, 'outcome') === outcome)
  );
}

async function printLines({ stdout }: Context, records: AsyncIterable<JsonObject>): Promise<void> {
  for await (const record of records) {
    if (stdout.gone.aborted) return;
    await stdout.line(safeJsonText(JSON.stringify(record)));
  }
}

async function printTable(
  context: Context,
  records: AsyncIterable<JsonObject>,
  { utc }: AuditOptions,
): Promise<void> {
  const { stdout, stderr } = context;
  const zone = { utc: utc === true };
  const nowMs = context.now();
  const table = longTable(stdout, auditColumns(zoneName(nowMs, zone)));
  let count = 0;
  let imported = 0;
  for await (const record of records) {
    if (stdout.gone.aborted) return;
    count++;
    if (textAt(record, 'imported', 'ts') !== undefined) imported++;
    await table.row(auditCells(record, { style: stdout.style, zone, nowMs }));
  }
  await table.end();
  if (imported > 0)
    await say(
      stderr,
      `~ imported: the time is what the file says (${counted(imported, 'access', 'accesses')})`,
      stderr.style.dim,
    );
  if (count > 0) return;
  await stderr.line(stderr.style.dim('no access to a secret matches'));
  await stderr.line(
    `${stderr.style.dim('hint:')}  what the broker put into calls is listed with the calls: tally log list --credential KEY`,
  );
}
