import { Command, InvalidArgumentError } from 'commander';
import type { Context } from '../context.ts';
import { examples } from '../help.ts';
import { type CallOptions, call } from './call/call.ts';

export function build(context: Context): Command {
  const many = (text: string, before: readonly string[] | undefined): readonly string[] => [
    ...(before ?? []),
    text,
  ];
  return examples(
    new Command('call')
      .description('One recorded call. Credentials are named, never seen: the broker puts them in.')
      .argument('[args...]', 'the URL, when --url is not used; "-": the body from standard input')
      .option('--url <url>', 'where to')
      .option('--method <method>', 'default GET, or POST with a body')
      .option('--bearer <key>', 'Authorization: Bearer')
      .option('--basic <key>', 'Authorization: Basic (the value is user:password)')
      .option('--header <name=key>', 'into a header (repeatable)', many)
      .option('--query <param=key>', 'into a query parameter (repeatable)', many)
      .option('--body-field <a.b=key>', 'into a field of the JSON body (repeatable)', many)
      .option('--form-field <field=key>', 'into a form field (repeatable)', many)
      .option('-H, --plain-header <line>', '"Name: value", sent as it is (repeatable)', many)
      .option('--data <text>', 'the body')
      .option('--body <text>', 'the same as --data')
      .option('--data-file <file>', 'the body from a file; "-": standard input')
      .option('--agent <name>', 'the agent that calls, as it says itself')
      .option('--agent-id <name>', 'the same as --agent')
      .option(
        '--token <token>',
        'an agent token, or the name of a variable with one; better in the environment, as TALLY_AGENT_TOKEN',
      )
      .option('--reason <text>', 'what it is for; recorded')
      .option('--fail', 'exit 1 when the upstream answers 400 or more')
      .option('-o, --file <path>', 'the body goes into this file, when all of it is here')
      .option('--output <format>', 'text or json', (text: string) => {
        if (text === 'text' || text === 'json') return text;
        throw new InvalidArgumentError('It is text or json.');
      })
      .option('--json', 'the same as --output json'),
    [
      ['tally call --url https://api.stripe.com/v1/balance --bearer STRIPE_KEY', 'GET'],
      [
        'tally call --url https://api.example.com/v1/items --header X-Api-Key=EXAMPLE_KEY --data \'{"n":1}\'',
        'POST',
      ],
      [
        'tally call --url https://api.example.com/v1/report.pdf --bearer EXAMPLE_KEY -o report.pdf',
        'into a file',
      ],
      [
        'tally call --url https://api.example.com/v1/items --bearer EXAMPLE_KEY --output json',
        'for programs',
      ],
    ],
  ).action((args: readonly string[], options: CallOptions) => call(context, args, options));
}
