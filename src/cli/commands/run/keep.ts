/**
 * A run without `tally up` brings a broker that other runs use too. When it ends before they do, one of them takes its
 * place: same port, next recorder. In between their calls fail, which is the safe way round; that of `tally up` is only
 * watched. How long nobody took calls is told at the end, because nobody was there to record them.
 */
import { connectHandover } from '../../../capture/handover.ts';
import type { Session } from '../../../open.ts';
import { type BrokerHandle, type OwnBroker, startBroker } from '../../broker.ts';
import type { Context } from '../../context.ts';

export interface Keeper {
  /** That of the recorder, once this process has become it: there is no other one to connect to. */
  session(): Session | undefined;
  /** Milliseconds of this run in which there was no recorder, and so no broker. */
  awayMs(): number;
  close(): Promise<void>;
}

/** Before the next look at a recorder that takes no clients. */
const RETRY_MS = 250;

const IDLE: Keeper = { session: () => undefined, awayMs: () => 0, close: async () => undefined };

/** The broker of `tally up` is not replaced: whoever runs it starts it again. */
export function keepBroker(context: Context, broker: BrokerHandle): Keeper {
  if (broker.own) return IDLE;
  const port = Number(new URL(broker.url).port);
  let over = false;
  let taken: { readonly session: Session; readonly broker: OwnBroker | undefined } | undefined;
  let leave: () => void = () => undefined;
  let awayMs = 0;
  let goneAt: number | undefined;
  /** Somebody looked and found nobody: a connection alone may end for other reasons. */
  let isAway = false;

  function back(): void {
    if (isAway && goneAt !== undefined) awayMs += performance.now() - goneAt;
    goneAt = undefined;
    isAway = false;
  }

  let wake: () => void = () => undefined;
  /** Ends early when the run does. */
  async function pause(): Promise<void> {
    if (over) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function watch(): Promise<void> {
    while (!over) {
      const link = await connectHandover(context.paths.socket, await context.client());
      if (link !== undefined) {
        leave = link.close;
        if (over) link.close();
        // A connection that says nothing is closed by the recorder.
        const serves = await link.ask('hello', {}).then(
          ({ proxy_url: url }) => url === broker.url,
          () => false,
        );
        if (serves) back();
        else link.close();
        await link.closed;
        if (!over) goneAt ??= performance.now();
        // A recorder without a broker, or with one on another port, takes none of this run's calls.
        if (!serves) {
          isAway = true;
          await pause();
        }
        continue;
      }
      isAway = true;
      if (!broker.ofRun) await pause();
      else if (await takeOver()) return;
    }
  }

  /** True when this process is the recorder now. */
  async function takeOver(): Promise<boolean> {
    const session = await context.openSession();
    if (session.role === 'client' || over) {
      await session.close();
      return false;
    }
    const next = await startBroker(context, session, port).catch((error: unknown) => {
      context.warn(`the broker ended, and port ${port} cannot be taken again: ${String(error)}`);
      return undefined;
    });
    if (next !== undefined) {
      session.setProxyUrl(next.url, 'run');
      back();
    }
    taken = { session, broker: next };
    return true;
  }

  const watching = watch().catch((error: unknown) => {
    context.warn(
      `the recorder ended and cannot be replaced: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  return {
    session: () => taken?.session,
    awayMs: () => awayMs + (!isAway || goneAt === undefined ? 0 : performance.now() - goneAt),
    async close() {
      over = true;
      leave();
      wake();
      await watching;
      taken?.session.setProxyUrl(undefined);
      await taken?.broker?.close();
      await taken?.session.close();
    },
  };
}
