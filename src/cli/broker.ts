/** The broker that a command uses: the one that runs, or one of its own for as long as the command lives. */
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { createLeaves } from '../capture/ca/leaves.ts';
import { createBroker } from '../capture/proxy/broker.ts';
import { createCallers } from '../capture/proxy/caller.ts';
import { systemResolve } from '../capture/proxy/resolve.ts';
import { createCredentialSource } from '../capture/secrets/credentials.ts';
import { providerSettings } from '../capture/secrets/provider-setting.ts';
import { createProviders } from '../capture/secrets/providers/registry.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import { machineConfig } from '../open/machine.ts';
import type { Session } from '../open.ts';
import type { Client } from '../recorder/ops.ts';
import type { Context } from './context.ts';
import { forManyCalls } from './engine.ts';
import { askRunning } from './running.ts';

/** Times in a row that the log is taken by somebody who does not answer. */
const MOST_SILENT = 2;

export interface BrokerHandle {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly session: Session;
  /** It lives in this process, and ends with `close`. */
  readonly own: boolean;
  /** A run brought it, and it ends with that run. */
  readonly ofRun: boolean;
  close(): Promise<void>;
}

export interface OwnBroker {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Listens beside the recorder of this process. Port 0: any free one. Throws ADDRESS_IN_USE. `othersCall: false`: only this
 * process will, so nobody is looked for. `ownPorts`: on which it serves besides, now.
 */
export async function startBroker(
  context: Context,
  session: Session,
  port: number,
  options: { readonly othersCall?: boolean; readonly ownPorts?: () => ReadonlySet<number> } = {},
): Promise<OwnBroker> {
  const { recorder, vault } = session;
  if (recorder === undefined) throw new TypeError('a broker runs beside the recorder, in its process');
  forManyCalls();
  const { secrets = {} } = await machineConfig(context.paths.configFile);
  const providers = createProviders({
    ...providerSettings(secrets),
    env: context.env,
    home: homedir(),
    directory: context.paths.state,
    locks: context.paths.runtime,
    vault: () => vault,
  });
  const source = createCredentialSource({
    vault,
    providers,
    known: (name, value) => recorder.secrets.set(name, value.toString('utf8')),
    now: () => performance.now(),
  });
  const callers = options.othersCall === false ? undefined : createCallers(process.platform);
  const broker = createBroker({
    callers,
    recorder,
    vault: source,
    resolve: systemResolve,
    leaves: createLeaves(context.paths, () => recorder.now()),
    ...(options.ownPorts === undefined ? {} : { ownPorts: options.ownPorts }),
    config: {
      port,
      version: context.version,
      policyDirectory: dirname(context.paths.policyFile),
      socket: context.paths.proxySocket,
    },
    onError(error) {
      const told = error instanceof Error ? error.message : String(error);
      context.warn(`a call met a bug of Tallystick: ${told}`);
      if ((context.env.TALLY_DEBUG ?? '') !== '' && error instanceof Error) context.warn(error.stack ?? told);
    },
  });
  const url = await broker.listen();
  session.setBrokerCounts(() => {
    const { active, calls, tunnels, strays, dropped, lostEntries: lost } = broker.stats();
    return { active, calls, tunnels, strays, dropped, lost };
  });
  return {
    url,
    async close() {
      session.setBrokerCounts(undefined);
      await broker.close();
      await callers?.close();
      source.close();
      providers.close();
    },
  };
}

/**
 * `advertise`: other commands may use it while this run lives. Not for the one call of a command: whoever came to
 * rely on it would lose it a moment later.
 */
export async function openBroker(
  context: Context,
  options: { readonly advertise: boolean; readonly client?: Client },
): Promise<BrokerHandle> {
  const as = options.client === undefined ? {} : { client: options.client };
  for (let silent = 0; ; ) {
    const session = await context.openSession(as);
    const { proxy_url: url, proxy_of: of, pid } = await session.ask('hello', {});
    if (url !== undefined) {
      return { url, session, own: false, ofRun: of === 'run', close: () => session.close() };
    }
    if (session.role === 'writer') return ownBroker(context, session, options.advertise);
    // A command that writes ends in a moment; anything else that records without a broker stays.
    await session.close();
    try {
      return await ownBroker(
        context,
        await context.openSession({ ...as, require: 'writer' }),
        options.advertise,
      );
    } catch (error) {
      if (!isTallyError(error) || error.code !== 'LOG_LOCKED') throw error;
      const now = await askRunning(context, (ask) => ask('hello', {}));
      if (now === undefined && ++silent > MOST_SILENT) throw error;
      if (now !== undefined && now.pid === pid && now.proxy_url === undefined) throw noBroker(pid, error);
      // Another one writes by now: others wait for their turn too.
    }
  }
}

function noBroker(pid: number, cause: unknown): TallyError {
  return new TallyError('RECORDER_UNAVAILABLE', `the recorder that runs (pid ${pid}) has no broker`, {
    hint: 'start `tally up` first, then that program: it will use the same recorder',
    cause,
  });
}

async function ownBroker(context: Context, session: Session, advertise: boolean): Promise<BrokerHandle> {
  try {
    const broker = await startBroker(context, session, 0, { othersCall: advertise });
    if (advertise) session.setProxyUrl(broker.url, 'run');
    return {
      url: broker.url,
      session,
      own: true,
      ofRun: advertise,
      async close() {
        session.setProxyUrl(undefined);
        try {
          await broker.close();
        } finally {
          await session.close();
        }
      },
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}
