/** One recorded run: start, command, end, summary. The end is recorded whatever ends the command. */
import { basename } from 'node:path';
import { withAncestry } from '../../../capture/agent/who.ts';
import type { Ask } from '../../../recorder/ops.ts';
import { boundsOf } from '../../bounds.ts';
import { type BrokerHandle, openBroker } from '../../broker.ts';
import type { Context } from '../../context.ts';
import { unlockIfAsked } from '../../operator/prompt.ts';
import { printFailure } from '../../output/failure.ts';
import { safe } from '../../output/safe.ts';
import { aboutProgram } from './about.ts';
import { exitCodeOf, startChild } from './child.ts';
import { notStarted, recordEnd } from './end.ts';
import type { Given, Injection } from './inject.ts';
import { keepBroker } from './keep.ts';
import { tellPolicyFile } from './policy-told.ts';
import { type Program, prepareProgram } from './program.ts';
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
    const injection = await injectionFor(context, options);
    const broker = await openFor(context, injection, options);
    if (broker === undefined) return await runAlone(context, command, args, injection);
    const keeper = keepBroker(context, broker);
    try {
      const told = await tellPolicyFile(context, broker.session, { silent: broker.own });
      const program = await prepareProgram(context, options);
      const ask: Ask = (op, params) => (keeper.session() ?? broker.session).ask(op, params);
      ran = await runCommand(context, broker, command, args, options, { program, injection, ask });
      context.exit(exitCodeOf(ran.end));
      const awayMs = keeper.awayMs();
      await recordEnd(keeper.session() ?? broker.session, ran);
      await tellPolicyFile(context, keeper.session() ?? broker.session, { told });
      await summarise(context, keeper.session() ?? broker.session, { ...ran, awayMs }, options);
    } finally {
      await keeper.close();
      await broker.close();
    }
  } catch (error) {
    if (ran === undefined) throw error;
    const debug = (context.env.TALLY_DEBUG ?? '') !== '';
    const code = printFailure(error, context.stderr, { json: context.json, debug });
    if (options.verifyExit === true || options.closed === true) context.exit(code);
  }
}

async function runCommand(
  context: Context,
  broker: BrokerHandle,
  command: string,
  args: readonly string[],
  options: RunOptions,
  {
    program,
    injection,
    ask,
  }: { readonly program: Program; readonly injection: Injection | undefined; readonly ask: Ask },
): Promise<Ran> {
  const since = new Date(context.now()).toISOString();
  const started = await broker.session.ask('run.start', {
    // argv[0] only: arguments carry secrets.
    command: basename(command),
    ...aboutProgram(command, args),
    ...(context.env.TALLY_AGENT_TOKEN === undefined ? {} : { agent_token: context.env.TALLY_AGENT_TOKEN }),
    ...(options.agent === undefined ? {} : { agent_id: options.agent }),
    ...(options.user === undefined ? {} : { user_id: options.user }),
    ...boundsOf(options),
    ...(options.reason === undefined ? {} : { reason: options.reason }),
    ...(options.project === undefined ? {} : { project_id: options.project }),
    ...(options.env === undefined ? {} : { environment: options.env }),
  });
  if (started.no_user === true && context.env.TALLY_AGENT_TOKEN === undefined)
    context.warn(
      'the policy names users and this run is for none of them: its calls are stopped; tally run --user USER',
    );
  const { recorder } = broker.session;
  async function start(given?: Given): Promise<Ran> {
    // Whatever is recorded from here on must not show them, answers to calls included.
    for (const [name, value] of Object.entries(given?.env ?? {})) recorder?.secrets.set(name, value);
    const from = performance.now();
    const child = startChild(command, args, {
      env: program.environment(broker, started, given?.env),
      onTerminal: context.stdin.isTTY === true,
      ...(given?.mask === undefined ? {} : { mask: given.mask }),
    });
    const end = await child.ended;
    return { started, end, durationMs: Math.round(performance.now() - from), since };
  }
  if (injection === undefined) return start();
  try {
    return await injection.use({ ask, command: basename(command), token: started.token }, start);
  } catch (error) {
    const outcome = { ...notStarted(error), duration_ms: 0 };
    await ask('run.end', { run_id: started.run_id, run_token: started.token, outcome });
    throw error;
  }
}

async function injectionFor(context: Context, { inject }: RunOptions): Promise<Injection | undefined> {
  if (inject === undefined) return undefined;
  const { prepareInjection } = await import('./inject.ts');
  return prepareInjection(context, inject);
}

/** Undefined: the command runs without a record, which only a person's own access to secrets may (spec/secrets.md). */
async function openFor(
  context: Context,
  injection: Injection | undefined,
  { unrecorded: may }: RunOptions,
): Promise<BrokerHandle | undefined> {
  if (may === true && injection?.opened.audited === false) return undefined;
  try {
    // Who starts a run is recorded with what can be seen of it: its variables and the programs above it.
    const client = injection?.client ?? withAncestry(await context.client(), process.ppid);
    return await openBroker(context, { advertise: true, client });
  } catch (error) {
    if (may !== true || injection === undefined) throw error;
    const { unrecorded } = await import('../../../capture/secrets/access.ts');
    return unrecorded(injection.opened.door, 'secret.run', error);
  }
}

async function runAlone(
  context: Context,
  command: string,
  args: readonly string[],
  injection: Injection | undefined,
): Promise<void> {
  const onTerminal = context.stdin.isTTY === true;
  const start = async (given?: Given) => {
    const mask = given?.mask === undefined ? {} : { mask: given.mask };
    const child = startChild(command, args, { env: { ...context.env, ...given?.env }, onTerminal, ...mask });
    return { end: await child.ended };
  };
  const { end } = await (injection?.use({ ask: undefined, command: basename(command) }, start) ?? start());
  if (end.kind === 'unstartable') await context.stderr.line(`tally: ${safe(end.message)}`);
  context.exit(exitCodeOf(end));
}
