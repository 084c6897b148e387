/** An MCP server at a URL, with this process between it and its clients. */
import type { IncomingMessage } from 'node:http';
import { environmentHider } from '../../../capture/mcp/environment.ts';
import { createGateway } from '../../../capture/mcp/gateway/gateway.ts';
import { createGatewaySessions, type Opened } from '../../../capture/mcp/gateway/sessions.ts';
import { openUpstream } from '../../../capture/mcp/gateway/upstream.ts';
import { createRecording } from '../../../capture/mcp/recording.ts';
import { ownRun } from '../../../capture/mcp/run.ts';
import { createSession } from '../../../capture/mcp/session.ts';
import { systemResolve } from '../../../capture/proxy/resolve.ts';
import { TallyError } from '../../../core/error.ts';
import { createRedactor } from '../../../core/redact/redact.ts';
import { ulidSource } from '../../../core/ulid.ts';
import { random } from '../../../open/lock.ts';
import { isOwnUser } from '../../../server/peer.ts';
import type { Context } from '../../context.ts';
import { safe, toJson } from '../../output/safe.ts';
import { type GatewayCredential, openCredential } from './credential.ts';
import { noteLost } from './lost.ts';
import { nameOf } from './name.ts';
import { openMcpRecorder, startOf, withoutRecord } from './recorder.ts';
import type { WrapOptions } from './wrap.ts';

export interface GatewayOptions extends WrapOptions {
  readonly upstream: string;
  readonly port: number;
  readonly bearer?: string;
  readonly http?: boolean;
  readonly internal?: boolean;
  readonly json?: boolean;
}

/** Until it is interrupted. */
export async function runGateway(context: Context, options: GatewayOptions): Promise<void> {
  const upstream = openUpstream({
    url: options.upstream,
    http: options.http === true,
    internal: options.internal === true,
    resolve: systemResolve,
  });
  await upstream.check();
  const { host = 'server' } = upstream.target;
  const server = nameOf(host.replace(/^mcp\./, '').replace(/\.[a-z]+$/, ''), options.name);
  const recorder = openMcpRecorder(context);
  const ulid = ulidSource(random);
  const makeId = (): string => `log_${ulid(context.now())}`;
  const redactor = createRedactor();
  let isScrubbed = false;
  let hide = environmentHider(context.env);
  let credential: GatewayCredential | undefined;
  let newest: string | undefined;

  /** The one before it may still come back in an answer, or in an error. */
  function known(name: string, value: string): void {
    const values = { [name]: value, ...(newest === undefined ? {} : { [`${name}_EARLIER`]: newest }) };
    for (const [of, each] of Object.entries(values)) isScrubbed = redactor.setSecret(of, each) || isScrubbed;
    hide = environmentHider({
      ...context.env,
      ...Object.fromEntries(Object.entries(values).map(([of, each]) => [`${of}_TOKEN`, each])),
    });
    newest = value;
  }
  try {
    // A call that the policy will not let through to this host is better told now.
    await recorder.ask('hello', {});
    const { bearer: name } = options;
    if (name !== undefined) credential = await openCredential(context, name, (value) => known(name, value));

    async function open(): Promise<Opened> {
      const run = ownRun(recorder.ask, startOf(context, 'mcp gateway', options), () => performance.now());
      const token = await run.token();
      const recording = createRecording({
        ask: recorder.ask,
        run,
        makeId,
        hide: (text) => hide(text),
        without: withoutRecord(context, { closed: options.closed === true, token: async () => token }),
        lost: (count) => noteLost(context, server, count),
        warn: context.warn,
      });
      const session = createSession({
        server,
        recording,
        framed: false,
        target: upstream.target,
        session: `mcp_${ulid(context.now())}`,
        ...(options.tier === undefined ? {} : { tier: options.tier }),
        ...(options.bearer === undefined
          ? {}
          : { credentials: [{ ref: options.bearer, injection_style: 'bearer' as const }] }),
      });
      return {
        session,
        async close(why) {
          session.end({ kind: 'client_left', words: why });
          await recording.close();
          await run
            .end({ status: 'ok' })
            .catch((error: unknown) =>
              context.warn(`the end of a session is not on record: ${String(error)}`),
            );
        },
      };
    }

    const gateway = createGateway({
      upstream,
      sessions: createGatewaySessions(open, () => performance.now()),
      mayCall,
      warn: context.warn,
      ...(credential === undefined ? {} : { bearer: credential }),
      scrubber: () => (isScrubbed ? redactor.scrubber() : undefined),
    });
    const port = await gateway.listen(options.port).catch((error: unknown) => {
      throw new TallyError('ADDRESS_IN_USE', `port ${options.port} cannot be listened on: ${String(error)}`, {
        hint: 'another one: --port 0 takes any',
      });
    });
    const url = `http://127.0.0.1:${port}${upstream.path}`;
    await context.stdout.line(
      options.json === true ? toJson({ url, upstream: upstream.origin, server }) : safe(url),
    );
    await context.stderr.line(
      `tally: calls go to ${safe(upstream.origin)}, as mcp.${server}.*; Ctrl-C ends it`,
    );
    await new Promise<void>((resolve) => {
      const signal = context.interrupted();
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await gateway.close();
  } finally {
    await credential?.close();
    await recorder.close();
  }
}

async function mayCall({ socket }: IncomingMessage): Promise<boolean> {
  const { remoteAddress, remotePort, localPort } = socket;
  if (remoteAddress === undefined || remotePort === undefined || localPort === undefined) return false;
  return isOwnUser({ remoteAddress, remotePort, localPort });
}
