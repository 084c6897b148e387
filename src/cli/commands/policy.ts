import { Command } from 'commander';
import type { Context } from '../context.ts';
import { examples, wholeNumber } from '../help.ts';
import { allow } from './policy/allow.ts';
import { callOptions } from './policy/call-options.ts';
import { check } from './policy/check.ts';
import { type DiffOptions, diff } from './policy/diff.ts';
import { type ExplainOptions, explain } from './policy/explain.ts';
import { type HistoryOptions, history } from './policy/history.ts';
import { init } from './policy/init.ts';
import { set } from './policy/set.ts';
import { show } from './policy/show.ts';
import { type TestOptions, test } from './policy/test.ts';

const DEFAULT_VERSIONS = 20;

export function build(context: Context): Command {
  const command = examples(new Command('policy').description('What agents may do. Deny by default.'), [
    ['tally policy allow api.stripe.com', 'one more host'],
    ['tally policy allow localhost:9000 --http --internal', 'a test server'],
    ['tally policy allow git.corp.example --internal --ca corp.pem', 'one that your own authority signs for'],
    ['tally policy check', 'would the file be taken?'],
    ['tally policy explain --url https://api.stripe.com', 'why, or why not'],
    ['tally policy test', 'expected decisions'],
    ['tally policy diff', 'what an edit changes'],
    ['tally policy history', 'who, when and why'],
  ]);
  edits(command, context);
  questions(command, context);
  return command;
}

function edits(command: Command, context: Context): void {
  command
    .command('init')
    .description('Writes a policy file that allows no host, with every section explained. Replaces none.')
    .argument('[file]', 'the policy of this machine when it is left out')
    .option('--json', 'one JSON document')
    .action((file: string | undefined, options: { json?: boolean }) =>
      init(context, file, options.json === true),
    );
  command
    .command('allow')
    .description(
      'Adds a host to the allowlist; every other byte of the file stays. In force with the next call.',
    )
    .argument(
      '<host[:port]>',
      'name or address, or "*.example.com" for every name below it; without a port the default one of the scheme',
    )
    .option('--http', 'plain http too')
    .option('--internal', 'it may be a loopback, private or otherwise internal address')
    .option('--ca <file>', 'an authority of your own signs for it: a PEM file, trusted for this host alone')
    .option('--reason <text>', 'recorded with the change')
    .option('--json', 'one JSON document')
    .action((host: string, options: Parameters<typeof allow>[2]) => allow(context, host, options));
  command
    .command('set')
    .description('Puts a policy file in force ("-": standard input).')
    .argument('<file>')
    .option('--reason <text>', 'recorded with the change')
    .option('--json', 'one JSON document')
    .action((file: string, options: Parameters<typeof set>[2]) => set(context, file, options));
}

const EXPLAIN_HELP = `
A named agent or user is taken to have shown a good token (--claimed: it did not). By
the recorder that runs, with all that it has counted, switched off and approved; by the
file alone where none runs, with --policy or --role, or where something is supposed
(--calls, --steps, --killed, --approval, …). Nothing is recorded, counted or used. Exit
code 0 whatever the answer is.

--json prints the decision with its "layers" [{"layer","result","reason"?,"words"}],
"policy" {"version","hash"} and "state": recorder or supposed.`;

const TEST_HELP = `
The table is kept beside the policy, tally.policy.test.yaml:

  tests:
    - name: a large refund waits for somebody
      call: { action: refund.create, agent: bot, user: u_17, args: { amount: 20000 } }
      expect: approval_required
      reason: refund_over_limit

call: action, tier, method, url, credentials, args, facts, streamed, reason, agent,
user, role, scopes, identity (checked, claimed, none), delegation, project,
environment, run, addresses. state: calls, steps, seconds, tool_calls, usd, repeats,
killed, approval. expect with reason, rule and layer where they matter.

Exit code 1: something is decided otherwise. --json prints {"file","policy","tests",
"failed","rows":[{"name","good","expected","got"?,"problem"?}]}.`;

const DIFF_HELP = `
Each side is a file, a version of the history, the first letters of a hash, or "now":
the newest that came in force. Without names: from now to the file of this machine.
--json prints {"before","after","changes":[{"section","what","name"?,"before"?,
"after"?}]}; what is added, removed, changed or moved.`;

const HISTORY_HELP = `
HOW: set (by a command), edited (the file), start (found in the file when recording
began), refused (it did not parse: the one before stayed), denied (who asked may not).
--json prints {"versions":[{"index","ts","how","version"?,"before"?,"after"?,"who"?,
"email"?,"why"?,"problem"?}],"left_out"}; before and after are hashes of snapshots.`;

function questions(command: Command, context: Context): void {
  command
    .command('check')
    .description('Reads a policy file and says what is wrong with it, with lines. Changes nothing.')
    .argument('[file]', 'the policy of this machine when it is left out; "-": standard input')
    .option('--json', 'one JSON document')
    .action((file: string | undefined, options: { json?: boolean }) =>
      check(context, file, options.json === true),
    );
  command
    .command('show')
    .description('The policy file of this machine, and whether the recorder decides by it.')
    .option('--json', 'one JSON document: versions, hashes and the compiled policy')
    .action((options: { json?: boolean }) => show(context, options.json === true));
  examples(
    callOptions(command.command('explain'))
      .description('Says in words why a call would be allowed or not, layer by layer. Nothing is recorded.')
      .option('--policy <file>', 'by this file; "-": standard input')
      .option('--json', 'one JSON document')
      .addHelpText('after', EXPLAIN_HELP),
    [
      ['tally policy explain --url https://api.stripe.com', 'may that be called?'],
      ['tally policy explain --tool refund --user u_17', 'may u_17 use that?'],
      ['tally policy explain --tool refund --fact amount=200', 'and for 200?'],
      ['tally policy explain --tool refund --calls 60', 'and after 60 calls?'],
    ],
  ).action((options: ExplainOptions) => explain(context, options));
  examples(
    command
      .command('test')
      .description('Holds the policy against a table of expected decisions. Exit code 1 on a difference.')
      .argument('[file]', 'tally.policy.test.yaml beside the policy when it is left out')
      .option('--policy <file>', 'another policy than that of this machine')
      .option('--json', 'one JSON document')
      .addHelpText('after', TEST_HELP),
    [
      ['tally policy test', 'the policy of this machine'],
      ['tally policy test --policy new.yaml', 'new.test.yaml against new.yaml'],
    ],
  ).action((file: string | undefined, options: TestOptions) => test(context, file, options));
  examples(
    command
      .command('diff')
      .description('What changes between two policies, section by section.')
      .argument('[a]', 'a file or a version; the one in force when it is left out')
      .argument('[b]', 'the policy file of this machine when it is left out')
      .option('--text', 'line by line too')
      .option('--dir <directory>', 'versions of another log directory')
      .option('--json', 'one JSON document')
      .addHelpText('after', DIFF_HELP),
    [
      ['tally policy diff', 'what an edit would change'],
      ['tally policy diff now new.yaml', 'what another file would change'],
      ['tally policy diff old.yaml new.yaml --text', 'two files'],
      ['tally policy diff 2026-11-20.1 now', 'two versions of the history'],
    ],
  ).action((a: string | undefined, b: string | undefined, options: DiffOptions) =>
    diff(context, a, b, options),
  );
  examples(
    command
      .command('history')
      .description('Every version that was in force, and every change that was refused, out of the log.')
      .option('-n, --limit <n>', 'so many of the newest', wholeNumber(1), DEFAULT_VERSIONS)
      .option('--all', 'every one')
      .option('--dir <directory>', 'another log directory')
      .option('--json', 'one JSON document')
      .option('--utc', 'times in UTC, not in the local zone')
      .addHelpText('after', HISTORY_HELP),
    [['tally policy history', 'when, who, why, before and after']],
  ).action((options: HistoryOptions) => history(context, options));
}
