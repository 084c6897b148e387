import { Command } from 'commander';
import { listAgents, listTokens } from '../../core/identity/list.ts';
import type { OpResults } from '../../recorder/ops.ts';
import { loadRegistry } from '../../recorder/registry.ts';
import { fileObjects } from '../../store/file/objects.ts';
import type { Context } from '../context.ts';
import { factLines, shown } from '../facts.ts';
import { examples } from '../help.ts';
import { asOperator } from '../operator/prompt.ts';
import { safe, toJson } from '../output/safe.ts';
import { layOut } from '../output/table.ts';
import { formatTime } from '../output/time.ts';
import { askRunning } from '../running.ts';
import { parseSpan } from '../span.ts';

interface Json {
  readonly json?: boolean;
}

export function build(context: Context): Command {
  const command = examples(
    new Command('agent').description('Agents that are known by name, and the tokens that prove it.'),
    [
      ['tally agent register billing-tool', 'make the name known'],
      ['tally agent token issue billing-tool --expires 30d', 'a token; it is shown once'],
      ['tally agent token revoke agt_01J…', 'it is refused from the next call on'],
      ['tally agent list', 'agents and their tokens'],
    ],
  );
  command
    .command('register')
    .description('Makes an agent known.')
    .argument('<name>')
    .option('--description <text>', 'what it is for')
    .option('--json', 'one JSON document')
    .action((name: string, options: Json & { description?: string }) => register(context, name, options));
  command
    .command('list')
    .description('Agents, and the tokens that were issued to them (never the tokens themselves).')
    .option('--json', 'one JSON document')
    .option('--utc', 'times in UTC, not in the local zone')
    .action((options: Json & { utc?: boolean }) => list(context, options));

  const token = command.command('token').description('Tokens that prove an agent’s name.');
  token
    .command('issue')
    .description('Issues a token. It is printed once and stored nowhere.')
    .argument('<name>', 'a registered agent')
    .option('--expires <span>', 'how long it is good: 12h, 30d (default: until it is revoked)')
    .option('--label <text>', 'to tell tokens apart')
    .option('--project <id>', 'good for this project only')
    .option('--env <name>', 'good for this environment only')
    .option('--json', 'one JSON document')
    .action((name: string, options: IssueOptions) => issue(context, name, options));
  token
    .command('revoke')
    .description('Revokes a token; the next call with it is refused.')
    .argument('<id>', 'the id of the token (agt_…), not the token')
    .option('--reason <text>', 'recorded with it')
    .option('--json', 'one JSON document')
    .action((id: string, options: Json & { reason?: string }) => revoke(context, id, options));
  return command;
}

async function register(
  context: Context,
  name: string,
  options: Json & { description?: string },
): Promise<void> {
  const description = options.description === undefined ? {} : { description: options.description };
  const done = await asOperator(context, (ask) => ask('agent.register', { agent_id: name, ...description }));
  if (options.json === true) await context.stdout.line(toJson(done));
  else await context.stdout.line(`registered ${safe(done.agent_id)}  (${done.id})`);
}

interface IssueOptions extends Json {
  readonly expires?: string;
  readonly label?: string;
  readonly project?: string;
  readonly env?: string;
}

async function issue(context: Context, name: string, options: IssueOptions): Promise<void> {
  const params = {
    agent_id: name,
    ...(options.expires === undefined ? {} : { expires_in_s: parseSpan(options.expires) }),
    ...(options.label === undefined ? {} : { label: options.label }),
    ...(options.project === undefined ? {} : { project_id: options.project }),
    ...(options.env === undefined ? {} : { environment: options.env }),
  };
  const done = await asOperator(context, (ask) => ask('token.issue', params));
  if (options.json === true) {
    await context.stdout.line(toJson({ agent_id: name, ...done }));
    return;
  }
  const expires = done.expires_at === undefined ? 'never' : formatTime(done.expires_at, { utc: false });
  const facts = [
    ['id', done.token_id],
    ['token', done.token],
    ['expires', expires],
  ] as const;
  for (const line of factLines(facts, context.stdout)) await context.stdout.line(line);
  await context.stderr.line(
    context.stderr.style.dim('The token is shown this once. An agent presents it as X-AS-Agent-Token.'),
  );
}

async function revoke(context: Context, id: string, options: Json & { reason?: string }): Promise<void> {
  // Somebody pasted the whole token: its first part is the id, and the rest is not wanted in an error message.
  const tokenId = id.split('.')[0] ?? '';
  const reason = options.reason === undefined ? {} : { reason: options.reason };
  const done = await asOperator(context, (ask) => ask('token.revoke', { token_id: tokenId, ...reason }));
  if (options.json === true) await context.stdout.line(toJson(done));
  else await context.stdout.line(`revoked ${done.token_id}  (${done.id})`);
}

async function list(context: Context, options: Json & { utc?: boolean }): Promise<void> {
  const { agents, tokens } =
    (await askRunning(context, (ask) => ask('agent.list', {}))) ?? (await fromLog(context));
  if (options.json === true) {
    await context.stdout.line(toJson({ agents, tokens }));
    return;
  }
  if (agents.length === 0) {
    await context.stderr.line('No agent is registered. Make one known: tally agent register NAME');
    return;
  }
  await table(context, agents, tokens, options.utc === true);
}

type Listed = OpResults['agent.list'];

/** Without a recorder: the log itself tells, and reading it writes nothing. */
async function fromLog(context: Context): Promise<Listed> {
  const { name, reader } = await context.openReader();
  const state = await loadRegistry(fileObjects(context.paths.registry), `${name}.json`, reader);
  const tokens = listTokens(state, context.now()).filter(({ kind }) => kind === 'agent');
  return { agents: listAgents(state, context.now()), tokens };
}

async function table(
  { stdout }: Context,
  agents: Listed['agents'],
  tokens: Listed['tokens'],
  utc: boolean,
): Promise<void> {
  const rows = agents.flatMap((agent) => {
    const own = tokens.filter((token) => token.agent_id === agent.agent_id);
    const lines = own.length === 0 ? [undefined] : own;
    return lines.map((token, i) => [
      { text: i === 0 ? safe(agent.agent_id) : '' },
      { text: token?.token_id ?? '-' },
      { text: token?.status ?? '-', paint: token?.status === 'live' ? stdout.style.green : stdout.style.dim },
      { text: token?.expires_at === undefined ? '-' : formatTime(token.expires_at, { utc }).slice(0, 19) },
      { text: shown(token?.label) ?? '' },
    ]);
  });
  const layout = layOut(
    [
      { header: 'AGENT', shrinkTo: 12 },
      { header: 'TOKEN', shrinkTo: 12, cut: 'middle' },
      { header: 'STATUS' },
      { header: 'EXPIRES', optional: 1 },
      { header: 'LABEL', shrinkTo: 8, optional: 2 },
    ],
    rows,
    stdout.width,
  );
  await stdout.line(layout.header(stdout.style.dim));
  for (const row of rows) await stdout.line(layout.row(row));
}
