import { Command } from 'commander';
import { boundOptions } from '../bounds.ts';
import type { Context } from '../context.ts';
import { examples, readingOptions } from '../help.ts';
import { type ListOptions, list } from './agent/list.ts';
import { type RegisterOptions, type RevokeOptions, register, revoke } from './agent/operate.ts';
import { type ShowOptions, show } from './agent/show.ts';
import { type DelegateOptions, delegate, type IssueOptions, issue } from './agent/token.ts';

const JSON_HELP = `
--json prints {"agents":[…],"tokens":[…]}. Each agent has "agent_id",
"description"?, "registered_at"?, "live_tokens". Each token has "token_id",
"kind", "tenant_id", "agent_id", "status" (live, expired, revoked: its own, or of
what it was derived from), "issued_at", "expires_at"?, "revoked_at"?, "last_used"?,
"label"?; what its calls have: "user_id"?, "scopes"?, "contract"?
{"tools"?,"hosts"?,"credentials"?{"allow"?,"deny"?}}, "project_id"?,
"environment"?; and of a delegated one "parent" (the id of a token) and "chain"
(agents, first delegator first).`;

export function build(context: Context): Command {
  const command = examples(
    new Command('agent').description('Agents that are known by name, and the tokens that prove it.'),
    [
      ['tally agent register billing-tool', 'make the name known'],
      ['tally agent token issue billing-tool --user u_17 --expires 30d', 'a token; it is shown once'],
      ['tally agent token delegate helper --scope crm.read', 'one below the token that you hold'],
      ['tally agent token revoke agt_01J…', 'it is refused from the next call on'],
      ['tally agent list', 'agents and their tokens'],
      ['tally agent show billing-tool', 'everything that is known of one'],
    ],
  );
  command
    .command('register')
    .description('Makes an agent known.')
    .argument('<name>')
    .option('--description <text>', 'what it is for')
    .option('--json', 'one JSON document')
    .action((name: string, options: RegisterOptions) => register(context, name, options));
  readingOptions(
    command
      .command('list')
      .description('Agents, and the tokens that were issued to them (never the tokens themselves).'),
  )
    .addHelpText('after', JSON_HELP)
    .action((options: ListOptions) => list(context, options));
  readingOptions(
    command
      .command('show')
      .description('Everything that is known of an agent or a token (never the token itself).')
      .argument('<name-or-id>', 'an agent, or the id of a token (agt_…)'),
  )
    .addHelpText('after', `${JSON_HELP}\n"agents" has at most one, and "tokens" are its own.`)
    .action((name: string, options: ShowOptions) => show(context, name, options));
  command.addCommand(token(context));
  return command;
}

function token(context: Context): Command {
  const command = new Command('token').description('Tokens that prove an agent’s name.');
  examples(
    boundOptions(
      command
        .command('issue')
        .description('Issues a token. It is printed once and stored nowhere.')
        .argument('<name>', 'a registered agent')
        .option('--user <id>', 'on whose behalf its calls are: a user or a service account of the policy'),
    ),
    [
      ['tally agent token issue refund-bot --user u_17 --expires 30d', 'for an agent'],
      [
        'tally agent token issue console-of-bob --user u_18 --scope tally.operator',
        'for a person, who answers approvals with it',
      ],
    ],
  )
    .option('--expires <span>', 'how long it is good: 12h, 30d (default: until it is revoked)')
    .option('--label <text>', 'to tell tokens apart')
    .option('--project <id>', 'good for this project only')
    .option('--env <name>', 'good for this environment only')
    .option('--json', 'one JSON document')
    .action((name: string, options: IssueOptions) => issue(context, name, options));
  examples(
    boundOptions(
      command
        .command('delegate')
        .description(
          'Derives a token from the one that you hold, for another agent. The parent comes from TALLY_AGENT_TOKEN, else from TALLY_RUN_TOKEN, else from standard input. The new token never has more than its parent, and ends with it.',
        )
        .argument('<name>', 'the agent that it is for'),
    )
      .option('--expires <span>', 'how long it is good (default: 24h, or as long as its parent)')
      .option('--label <text>', 'to tell tokens apart')
      .option('--project <id>', 'good for this project only')
      .option('--env <name>', 'good for this environment only')
      .option('--json', 'one JSON document'),
    [
      ['tally agent token delegate helper --scope crm.read --expires 1h', 'in a run, or with a token'],
      ['tally agent token delegate helper < parent-token-file', 'the parent on standard input'],
    ],
  ).action((name: string, options: DelegateOptions) => delegate(context, name, options));
  readingOptions(
    command
      .command('list')
      .description('All tokens of agents, delegated ones too (never the tokens themselves).'),
  )
    .option('--live', 'only those that are good now')
    .addHelpText('after', `${JSON_HELP}\nHere "agents" is left out.`)
    .action((options: ListOptions) => list(context, { ...options, tokens: true }));
  command
    .command('revoke')
    .description('Revokes a token and all that were derived from it; the next call with one is refused.')
    .argument('<id>', 'the id of the token (agt_…), not the token')
    .option('--reason <text>', 'recorded with it')
    .option('--json', 'one JSON document')
    .action((id: string, options: RevokeOptions) => revoke(context, id, options));
  return command;
}
