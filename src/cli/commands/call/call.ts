import { TallyError } from '../../../core/error.ts';
import { type BrokerHandle, openBroker } from '../../broker.ts';
import type { Context } from '../../context.ts';
import { readBody } from './body.ts';
import { runPrint } from './print.ts';
import { buildRequest, type CallFlags, revealing } from './request.ts';
import { presented } from './token.ts';
import { send } from './transport.ts';

export interface CallOptions extends Omit<CallFlags, 'url'> {
  readonly url?: string;
  readonly data?: string;
  readonly body?: string;
  readonly dataFile?: string;
  /** As AgentSecrets calls it. */
  readonly agentId?: string;
  readonly token?: string;
  readonly reason?: string;
  readonly fail?: boolean;
  readonly output?: 'text' | 'json';
  readonly json?: boolean;
  /** Where the body goes instead. */
  readonly file?: string;
}

/** The exit code says who failed: 0 for whatever the upstream answered, another one when it never got to answer. */
export async function call(context: Context, args: readonly string[], given: CallOptions): Promise<void> {
  const json = given.output === 'json' || given.json === true;
  const started = performance.now();
  const file = given.file === '-' ? undefined : given.file;
  const print = runPrint(context, { json, fail: given.fail === true, started, file });
  try {
    const options = { ...given, ...oneAgent(given) };
    const { url, fromStdin } = placeArguments(args, options);
    for (const name of revealing(options as CallFlags)) {
      context.warn(
        `-H ${name}: a secret on the command line is seen by other programs; store it: tally secrets set NAME`,
      );
    }
    const { TRACEPARENT: traceparent, TRACESTATE: tracestate } = context.env;
    const { agentToken, agent } = presented(context, options.token);
    const said = { agentToken, traceparent, tracestate };
    const body = await readBody(context, options, fromStdin);
    const flags = { ...(agent === undefined ? {} : { agent }), ...options, url };
    // Refuses what cannot be meant before anything is started or recorded.
    buildRequest(flags, said, body);
    let broker: BrokerHandle;
    try {
      broker = await openBroker(context, { advertise: false });
    } catch (error) {
      const { goOn, ungovernedBroker } = await import('../../ungoverned.ts');
      const open = await ungovernedBroker(context, await goOn(context, 'proxy', error));
      try {
        const request = buildRequest(flags, { ...said, runToken: context.env.TALLY_RUN_TOKEN }, body);
        await print.answer(await send(open.url, request, context.interrupted()));
      } finally {
        await open.close();
      }
      return;
    }
    try {
      await withReason(context, broker, options, async (runToken) => {
        const request = buildRequest(flags, { ...said, runToken }, body);
        const answer = await send(broker.url, request, context.interrupted());
        await print.answer(answer);
      });
    } finally {
      await broker.close();
    }
  } catch (error) {
    await print.failure(context.interrupted().aborted ? interrupted() : error);
  }
}

function oneAgent({ agent, agentId }: CallOptions): { readonly agent?: string } {
  if (agent !== undefined && agentId !== undefined && agent !== agentId)
    throw new TallyError('USAGE', '--agent and --agent-id name two agents', {
      hint: 'they are the same: give one',
    });
  const name = agent ?? agentId;
  return name === undefined ? {} : { agent: name };
}

function interrupted(): TallyError {
  return new TallyError('CALL_FAILED', 'interrupted; the call is recorded as aborted', {
    hint: 'tally log list -n 1',
  });
}

function placeArguments(args: readonly string[], options: CallOptions): { url: string; fromStdin: boolean } {
  const urls = [...(options.url === undefined ? [] : [options.url]), ...args.filter((arg) => arg !== '-')];
  const [url, extra] = urls;
  if (url === undefined) {
    throw new TallyError('USAGE', 'no URL is given', { hint: 'tally call --url https://… --bearer KEY' });
  }
  if (extra !== undefined) {
    throw new TallyError('USAGE', 'more than one URL is given', { hint: 'quote what the shell would split' });
  }
  return { url, fromStdin: args.includes('-') };
}

/** A stated purpose belongs to a run, so a call with one is a run of its own, unless it is inside one already. */
async function withReason(
  context: Context,
  broker: BrokerHandle,
  options: CallOptions,
  body: (runToken: string | undefined) => Promise<void>,
): Promise<void> {
  const outer = context.env.TALLY_RUN_TOKEN;
  const { reason, agent } = options;
  if (reason === undefined) return body(outer);
  if (outer !== undefined) {
    await broker.session.ask('record', { event: { type: 'step.note', phase: 'point', reason } });
    return body(outer);
  }
  const { run_id, token } = await broker.session.ask('run.start', {
    reason,
    command: 'tally call',
    ...(agent === undefined ? {} : { agent_id: agent }),
  });
  const started = performance.now();
  let status: 'ok' | 'error' = 'error';
  try {
    await body(token);
    status = 'ok';
  } finally {
    const duration_ms = Math.round(performance.now() - started);
    await broker.session.ask('run.end', { run_id, run_token: token, outcome: { status, duration_ms } });
  }
}
