/** The long-lived writer of this machine, with its broker. */
import { TallyError } from '../../../core/error.ts';
import { startFeeder } from '../../../open/indexing-feeder.ts';
import type { Session } from '../../../open.ts';
import type { TileServer } from '../../../server/tiles-http.ts';
import { type OwnBroker, startBroker } from '../../broker.ts';
import type { Context } from '../../context.ts';
import { counted } from '../../facts.ts';
import { firstStartNote } from '../../first-start.ts';
import { choosePort } from '../../port.ts';
import { portOwner } from '../../port-owner.ts';
import { setUp } from '../../setup.ts';
import { alertsOf } from './alerts.ts';
import { announce } from './announce.ts';
import { openHooksHere } from './hooks.ts';
import { openNotices } from './notices.ts';
import { type OtlpOfUp, openOtlpHere } from './otlp.ts';
import { refuseSecond } from './second.ts';
import { openTiles } from './tiles.ts';
import { tellUngovernedLater } from './told.ts';
import { tellWaiting } from './waiting.ts';
import { watchPolicy } from './watch.ts';

export interface UpOptions {
  readonly port?: number;
  readonly broker: boolean;
  readonly watch: boolean;
  readonly tiles: boolean;
  readonly json?: boolean;
}

/** Above what the broker gives its calls and the recorder its last flush. */
const LONGEST_CLOSE_MS = 20_000;
const WATCH_MS = 250;

export async function up(context: Context, options: UpOptions): Promise<void> {
  // From the first moment on: a signal that comes while it starts closes what is open by then.
  const stop = stopSignal(context);
  await refuseSecond(context);
  const port = options.port ?? choosePort(context);
  const first = setUp(context.paths).first;
  const session = await context.openSession({
    require: 'writer',
    background: true,
    alertsWith: alertsOf(context),
  });
  if (first && !context.stderr.isTTY) firstStartNote(context);
  let broker: OwnBroker | undefined;
  let tiles: TileServer | undefined;
  let otlp: OtlpOfUp | undefined;
  const served = new Set<number>();
  const hooks = await openHooksHere(context, session);
  let why = 'the end of `tally up`';
  try {
    tellRecovered(context, session);
    broker = options.broker ? await listen(context, session, port, served) : undefined;
    session.setProxyUrl(broker?.url);
    otlp = await openOtlpHere(context, session);
    tiles = await openTiles(context, options.tiles, session, hooks?.endpoint, otlp?.endpoint);
    for (const url of [tiles?.url, otlp?.url]) if (url !== undefined) served.add(portOf(url));
    session.setTailUrl(tiles?.tail);
    hooks?.served(tiles?.hooks);
    await announce(context, {
      session,
      url: broker?.url,
      tiles: tiles?.url,
      tail: tiles?.tail,
      api: tiles?.api,
      hooks: tiles?.hooks,
      otlp: tiles?.otlp ?? otlp?.url,
      json: options.json === true,
    });
    const policy = options.watch ? watchPolicy(context, session) : undefined;
    const { paths } = context;
    const { directory } = await context.openReader();
    const told = tellUngovernedLater(context, session);
    const waiting = tellWaiting(context, session);
    const notices = await openNotices(context, session, tiles?.api);
    const index = startFeeder({ paths, directory, onWarning: context.warn });
    try {
      why = await untilStopped(session, stop);
    } finally {
      policy?.close();
      told.close();
      waiting.close();
      await notices?.close();
      await hooks?.close();
      await index.close();
    }
  } finally {
    await otlp?.close();
    // Last: whoever follows the log sees it closed.
    try {
      await close(context, session, broker, why);
    } finally {
      await tiles?.close();
    }
  }
}

/** What a start had to set aside stays until a person has looked: one line each. */
function tellRecovered(context: Context, { recorder }: Session): void {
  for (const file of recorder?.torn ?? [])
    context.warn(
      `a tail that was not whole after a crash was set aside: ${file} (look at it, then: tally log acknowledge ${file} --reason "…")`,
    );
}

const portOf = (url: string): number => Number(new URL(url).port);

/** `served`: ports on which this process serves other things, which are not called through the broker. */
async function listen(
  context: Context,
  session: Session,
  port: number,
  served: ReadonlySet<number>,
): Promise<OwnBroker> {
  try {
    return await startBroker(context, session, port, { ownPorts: () => served });
  } catch (error) {
    if (!(error instanceof TallyError) || error.code !== 'ADDRESS_IN_USE') throw error;
    const owner = portOwner(port);
    const by = owner === undefined ? '' : ` by pid ${owner.pid} (${owner.command})`;
    const ask = owner === undefined ? `ss -ltnp 'sport = :${port}' shows by whom; ` : '';
    throw new TallyError('ADDRESS_IN_USE', `port ${port} of 127.0.0.1 is taken${by}`, {
      hint: `${ask}take another one: TALLY_PORT=${port + 1} tally up`,
      cause: error,
    });
  }
}

/** SIGINT, SIGTERM, or SIGHUP: the terminal went away. */
function stopSignal(context: Context): AbortSignal {
  const stop = new AbortController();
  process.once('SIGHUP', () => stop.abort());
  context.interrupted().addEventListener('abort', () => stop.abort(), { once: true });
  return stop.signal;
}

/** Why it ends. Throws when the recorder died: a supervisor starts it anew, and it replays from what is on disk. */
function untilStopped(session: Session, stop: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const watch = setInterval(() => {
      const failure = session.recorder?.failure();
      if (failure === undefined) return;
      clearInterval(watch);
      reject(failure);
    }, WATCH_MS);
    const stopped = (): void => {
      clearInterval(watch);
      resolve('a signal');
    };
    if (stop.aborted) stopped();
    else stop.addEventListener('abort', stopped, { once: true });
  });
}

async function close(
  context: Context,
  session: Session,
  broker: OwnBroker | undefined,
  why: string,
): Promise<void> {
  const { stderr } = context;
  session.setProxyUrl(undefined);
  session.setTailUrl(undefined);
  const late = setTimeout(() => {
    context.warn(`not closed after ${LONGEST_CLOSE_MS / 1000} s; what was acknowledged is on disk`);
    process.exit(1);
  }, LONGEST_CLOSE_MS);
  late.unref();
  if (context.interrupted().aborted) {
    void stderr.line(
      stderr.style.dim('closing: calls under way have 10 s to end; Ctrl-C again ends at once'),
    );
  }
  try {
    await broker?.close();
  } finally {
    const recorder = session.recorder;
    const failed = recorder?.failure() !== undefined;
    await session.close(why);
    clearTimeout(late);
    if (recorder !== undefined && !failed) {
      await stderr.line(
        `closed: ${counted(recorder.size(), 'entry', 'entries')}, ${counted(recorder.signed(), 'entry', 'entries')} signed`,
      );
    }
  }
}
