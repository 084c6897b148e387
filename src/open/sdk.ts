/**
 * The composition root of the SDK: the world as this process finds it, and the recorder as it is reached from here. A
 * log is opened in this process only when no recorder runs, and its code is loaded only then.
 */
import { randomBytes } from 'node:crypto';
import { homedir, tmpdir } from 'node:os';
import { basename } from 'node:path';
import { TallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import { ulidSource } from '../core/ulid.ts';
import { locate, type Paths } from '../paths.ts';
import type { Tell } from '../recorder/told.ts';
import type { RecorderClient, TransportKind } from '../sdk/client.ts';
import { meet, shared } from '../sdk/context.ts';
import { createTallyWith } from '../sdk/tally.ts';
import { askingClient, type Link } from '../sdk/transport/asking.ts';
import { httpClient } from '../sdk/transport/http.ts';
import { noRecorder, openSocket } from '../sdk/transport/socket.ts';
import type { Tally, TallyOptions } from '../sdk/types.ts';
import type { World } from '../sdk/world.ts';
import { packageVersion } from '../version.ts';
import { placesOf, remember } from './notes.ts';
import { sdkClient } from './sdk-client.ts';

type Chosen = TransportKind | 'auto';
const KINDS: ReadonlySet<string> = new Set(['socket', 'http', 'embedded', 'auto']);
/** What stores and indexes need of Node. */
const OLDEST_EMBEDDED = 24;
const DEFAULT_URL = 'http://127.0.0.1:7700';

/** Reads the environment; opens and asks nothing before the first run. Throws USAGE for what it does not know. */
export function createTally(options: TallyOptions = {}): Tally {
  const { env } = process;
  const beside = meet(ownVersion());
  if (beside !== undefined) warnTo(options)(beside);
  const home = options.home === undefined ? {} : { TALLY_HOME: options.home };
  const paths = locate({
    env: { ...env, ...home },
    home: homedir(),
    tmp: tmpdir(),
    uid: process.getuid?.() ?? 0,
  });
  const world = worldOf(paths);
  let used: TransportKind | undefined;
  const client = clientOf(options, paths, (kind) => {
    used = kind;
  });
  return createTallyWith(options, {
    world,
    client,
    command: process.argv[1] === undefined ? undefined : basename(process.argv[1]),
    token: options.token ?? env.TALLY_AGENT_TOKEN,
    transport: () => used,
  });
}

/** Bundled into one file, nothing lies where the package's version is. */
function ownVersion(): string {
  try {
    return packageVersion();
  } catch {
    return 'unknown';
  }
}

/** One for all copies of the SDK in this process. */
export function standardTally(): Tally {
  shared.standard ??= createTally();
  return shared.standard;
}

function chosen({ transport, url }: TallyOptions): Chosen {
  const { TALLY_TRANSPORT, TALLY_URL } = process.env;
  const named = transport ?? (url === undefined ? TALLY_TRANSPORT : 'http');
  if (named !== undefined && named !== '') {
    if (!KINDS.has(named))
      throw new TallyError('USAGE', `there is no transport ${JSON.stringify(named)}`, {
        hint: 'it is socket, http, embedded or auto; without one the recorder that runs is used, or the log opened here',
      });
    return named as Chosen;
  }
  return TALLY_URL === undefined || TALLY_URL === '' ? 'auto' : 'http';
}

function clientOf(options: TallyOptions, paths: Paths, used: (kind: TransportKind) => void): RecorderClient {
  const kind = chosen(options);
  if (kind === 'http') {
    used('http');
    const { TALLY_URL, TALLY_RUN_TOKEN, TALLY_RUN_ID } = process.env;
    return httpClient({
      url: options.url ?? TALLY_URL ?? DEFAULT_URL,
      token: options.token ?? process.env.TALLY_AGENT_TOKEN,
      runToken: TALLY_RUN_TOKEN,
      outerRun: TALLY_RUN_ID,
      runId: runIds(),
    });
  }
  /** Where the recorder was found. */
  let way: 'socket' | undefined;
  /** Since when nobody listens where somebody did. */
  let gone: number | undefined;

  /** A recorder that is started again finds its log free; one that is gone, another agent's, is not waited for. */
  function mayComeBack(): boolean {
    gone ??= performance.now();
    return performance.now() - gone < LIMITS.sdkTakeOverMs;
  }
  return askingClient({
    kind: kind === 'embedded' ? 'embedded' : 'socket',
    async open(tell) {
      for (let first = true; ; first = false) {
        if (kind !== 'embedded' || !first) {
          const socket = await openSocket(paths.socket, await sdkClient(process.env), tell);
          if (socket !== undefined) {
            if (kind === 'auto') way = 'socket';
            gone = undefined;
            used('socket');
            return {
              ...socket,
              last: (params) => (shared.recorders?.get(paths.socket) ?? socket.last)(params),
            };
          }
          if (kind === 'socket' || (way === 'socket' && mayComeBack())) throw noRecorder(paths.socket);
        }
        const embedded = await openEmbedded(paths, options, tell);
        // Somebody else became the recorder meanwhile, and is asked as any other.
        if (embedded === undefined) continue;
        used('embedded');
        return embedded;
      }
    },
    /** Without a run, the next one may find another recorder. */
    rested() {
      way = undefined;
      gone = undefined;
    },
  });
}

/** Undefined: another process holds the log. */
async function openEmbedded(paths: Paths, options: TallyOptions, tell: Tell): Promise<Link | undefined> {
  if (Number.parseInt(process.versions.node, 10) < OLDEST_EMBEDDED)
    throw new TallyError(
      'RECORDER_UNAVAILABLE',
      `no recorder runs, and a log is opened by Node ${OLDEST_EMBEDDED} and newer only; this is ${process.version}`,
      { hint: 'start one beside this program: tally up' },
    );
  const { embeddedLast, openEmbeddedSession } = await import('./sdk-embedded.ts');
  const client = { ...(await sdkClient(process.env)), tell };
  const session = await openEmbeddedSession(paths, client, warnTo(options));
  const { recorder } = session;
  if (recorder === undefined) {
    await session.close();
    return undefined;
  }
  let gone: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    gone = resolve;
  });
  const last = embeddedLast(recorder, client);
  shared.recorders ??= new Map();
  shared.recorders.set(paths.socket, last.last);
  return {
    ask: session.ask,
    closed,
    ...last,
    async close() {
      shared.recorders?.delete(paths.socket);
      gone();
      await session.close('the end of the run');
    },
  };
}

const warnTo = ({ onWarning }: TallyOptions): ((line: string) => void) => onWarning ?? warn;

function warn(line: string): void {
  process.emitWarning(line, 'TallystickWarning');
}

const random = (size: number): Uint8Array => randomBytes(size);

function runIds(): () => string {
  const ulid = ulidSource(random);
  return () => `run_${ulid(Date.now())}`;
}

function worldOf(paths: Paths): World {
  const ulid = ulidSource(random);
  const places = placesOf(paths);
  const note = (what: string, why: string, count = 1): boolean =>
    remember(places, {
      at: new Date().toISOString(),
      surface: 'sdk',
      what: what.slice(0, LIMITS.idChars),
      why: why.slice(0, 64),
      count,
    });
  return {
    now: Date.now,
    entryId: () => `log_${ulid(Date.now())}`,
    runId: runIds(),
    async failureMode() {
      try {
        const { machineConfig } = await import('./machine.ts');
        return (await machineConfig(paths.configFile)).failureModes?.sdk ?? 'closed';
      } catch {
        // A configuration that cannot be read opens nothing.
        return 'closed';
      }
    },
    async ungoverned() {
      const { openUngovernedDecider } = await import('./sdk-embedded.ts');
      return openUngovernedDecider(paths, warn, (what) => note(what, 'RECORDER_UNAVAILABLE'));
    },
    remember: ({ what, why, count }) => note(what, why, count),
    warn,
  };
}
