/** An MCP server over standard input and output, with its client on the other side of this process. */
import { basename } from 'node:path';
import { environmentHider } from '../../../capture/mcp/environment.ts';
import { serverNameOf } from '../../../capture/mcp/names.ts';
import { createPump } from '../../../capture/mcp/pump.ts';
import { createRecording } from '../../../capture/mcp/recording.ts';
import { givenRun, ownRun } from '../../../capture/mcp/run.ts';
import { createSession } from '../../../capture/mcp/session.ts';
import type { Outcome, Tier } from '../../../core/entry.ts';
import { ulidSource } from '../../../core/ulid.ts';
import { random } from '../../../open/lock.ts';
import type { Context } from '../../context.ts';
import { safe } from '../../output/safe.ts';
import { goOn } from '../../ungoverned.ts';
import { type ChildEnd, exitCodeOf } from '../run/child.ts';
import { noteLost } from './lost.ts';
import { nameOf } from './name.ts';
import { openMcpRecorder, startOf, withoutRecord } from './recorder.ts';
import { type Server, startServer } from './server.ts';

export interface WrapOptions {
  readonly name?: string;
  readonly agent?: string;
  readonly reason?: string;
  readonly project?: string;
  readonly env?: string;
  readonly tier?: Tier;
  readonly closed?: boolean;
}

/** Throws for what goes wrong before the server runs. Afterwards its exit code stands, and trouble is told on standard error. */
export async function wrapServer(
  context: Context,
  command: string,
  args: readonly string[],
  options: WrapOptions,
): Promise<void> {
  const server = nameOf(serverNameOf(command, args), options.name);
  const recorder = openMcpRecorder(context);
  const { TALLY_RUN_TOKEN: within } = context.env;
  const run =
    within === undefined || options.agent !== undefined
      ? ownRun(recorder.ask, startOf(context, basename(command), options), () => performance.now())
      : givenRun(within);
  const ulid = ulidSource(random);
  let token: string | undefined;
  try {
    // On record before the server runs; in a run of somebody else, that one is.
    token = await run.token().catch(async (error: unknown) => {
      if (options.closed === true) throw error;
      await goOn(context, 'mcp', error);
      return undefined;
    });
    const recording = createRecording({
      ask: recorder.ask,
      run,
      makeId: () => `log_${ulid(context.now())}`,
      hide: environmentHider(context.env),
      without: withoutRecord(context, { closed: options.closed === true, token: async () => token }),
      lost: (count) => noteLost(context, server, count),
      warn: context.warn,
    });
    const started = performance.now();
    const child = startServer(command, args, {
      env: { ...context.env },
      onTerminal: context.stdin.isTTY === true,
    });
    const end = 'kind' in child ? child : await serve(context, child, { server, recording, options });
    if (end.kind === 'unstartable') await context.stderr.line(`tally: ${safe(end.message)}`);
    context.exit(exitCodeOf(end));
    await recording.close();
    await run
      .end(outcomeOf(end, Math.round(performance.now() - started)))
      .catch((error: unknown) => context.warn(`the end of the session is not on record: ${String(error)}`));
  } finally {
    await recorder.close();
    context.stdin.destroy();
  }
}

async function serve(
  context: Context,
  child: Server,
  {
    server,
    recording,
    options,
  }: {
    readonly server: string;
    readonly recording: ReturnType<typeof createRecording>;
    readonly options: WrapOptions;
  },
): Promise<ChildEnd> {
  const pump = createPump({
    clientIn: context.stdin,
    clientOut: process.stdout,
    serverIn: child.stdin,
    serverOut: child.stdout,
  });
  const session = createSession({
    server,
    recording,
    ...(options.tier === undefined ? {} : { tier: options.tier }),
  });
  let left = false;
  context.stdin.once('end', () => {
    left = true;
  });
  // A client that reads no more is gone; the server learns of it as it would without us.
  process.stdout.once('error', () => child.stdout.destroy());
  pump.start(session);
  const end = await child.ended;
  if (end.kind !== 'unstartable') await pump.said;
  session.end({ kind: left ? 'client_left' : 'server_exited', words: wordsOf(end) });
  return end;
}

function wordsOf(end: ChildEnd): string {
  switch (end.kind) {
    case 'exit':
      return `the server exited with ${end.code}`;
    case 'signal':
      return `the server was ended by ${end.signal}`;
    case 'unstartable':
      return 'the server could not be started';
  }
}

function outcomeOf(end: ChildEnd, duration_ms: number): Outcome {
  switch (end.kind) {
    case 'exit':
      return { status: end.code === 0 ? 'ok' : 'error', duration_ms, exit_code: end.code };
    case 'signal':
      return { status: 'aborted', duration_ms, signal: end.signal };
    case 'unstartable':
      return {
        status: 'error',
        duration_ms,
        exit_code: end.code,
        error_kind: end.code === 127 ? 'not_found' : 'not_executable',
      };
  }
}
