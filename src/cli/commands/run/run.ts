/** One recorded run: start, command, end, summary. The end is recorded whatever ends the command. */
import { basename } from 'node:path';
import { boundsOf } from '../../bounds.ts';
import { type BrokerHandle, openBroker } from '../../broker.ts';
import type { Context } from '../../context.ts';
import { unlockIfAsked } from '../../operator/prompt.ts';
import { printFailure } from '../../output/failure.ts';
import { exitCodeOf, startChild } from './child.ts';
import { recordEnd } from './end.ts';
import { keepBroker } from './keep.ts';
import type { Ran, RunOptions } from './ran.ts';
import { summarise } from './summary.ts';

/**
 * Throws for what goes wrong before the command has run. Afterwards its exit code stands, and our trouble is told on
 * standard error: whoever started it wants to know what it said.
 */
export async function run(
  context: Context,
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<void> {
  let ran: Ran | undefined;
  try {
    if (options.user !== undefined) await unlockIfAsked(context);
    const broker = await openBroker(context, { advertise: true });
    const keeper = keepBroker(context, broker);
    try {
      ran = await runCommand(context, broker, command, args, options);
      context.exit(exitCodeOf(ran.end));
      await recordEnd(keeper.session() ?? broker.session, ran);
      await summarise(context, keeper.session() ?? broker.session, ran, options);
    } finally {
      await keeper.close();
      await broker.close();
    }
  } catch (error) {
    if (ran === undefined) throw error;
    const debug = (context.env.TALLY_DEBUG ?? '') !== '';
    const code = printFailure(error, context.stderr, { json: context.json, debug });
    if (options.verifyExit === true) context.exit(code);
  }
}

async function runCommand(
  context: Context,
  broker: BrokerHandle,
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<Ran> {
  const since = new Date(context.now()).toISOString();
  const started = await broker.session.ask('run.start', {
    // argv[0] only: arguments carry secrets.
    command: basename(command),
    ...(context.env.TALLY_AGENT_TOKEN === undefined ? {} : { agent_token: context.env.TALLY_AGENT_TOKEN }),
    ...(options.agent === undefined ? {} : { agent_id: options.agent }),
    ...(options.user === undefined ? {} : { user_id: options.user }),
    ...boundsOf(options),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.project === undefined ? {} : { project_id: options.project }),
    ...(options.env === undefined ? {} : { environment: options.env }),
  });
  const from = performance.now();
  const child = startChild(command, args, {
    env: childEnvironment(context, broker.url, started),
    onTerminal: context.stdin.isTTY === true,
  });
  const end = await child.ended;
  return { started, end, durationMs: Math.round(performance.now() - from), since };
}

/** No HTTP(S)_PROXY: this broker takes calls that are addressed to it, and would refuse all others. */
function childEnvironment(
  { env }: Context,
  url: string,
  { run_id, token }: Ran['started'],
): NodeJS.ProcessEnv {
  return { ...env, TALLY_PROXY_URL: `${url}/proxy`, TALLY_RUN_TOKEN: token, TALLY_RUN_ID: run_id };
}
