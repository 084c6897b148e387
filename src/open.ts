/**
 * Composition root: from the state directory of a machine to a recorder that is wired to its drivers, or to the writer
 * that already runs there. With `open/`, the only place that picks drivers.
 */
import { connectHandover, type HandoverClient } from './capture/handover.ts';
import type { Vault } from './capture/secrets/vault.ts';
import { TallyError } from './core/error.ts';
import { ulidSource } from './core/ulid.ts';
import { makeHome } from './home.ts';
import { lockPath, random } from './open/lock.ts';
import type { SessionOptions } from './open/options.ts';
import type { Reload } from './open/policy-file.ts';
import { readyVault } from './open/vault.ts';
import type { Writer } from './open/writer.ts';
import type { Ask, BrokerCounts, HooksServed, Op, OpParams, OpResults } from './recorder/ops.ts';
import type { LocalRecorder } from './recorder/recorder.ts';
import type { Handle } from './recorder/requests.ts';
import { tryLock } from './store/file/lock.ts';

export interface Session {
  readonly role: 'writer' | 'client';
  readonly ask: Ask;
  /** Only in the writer's own process. */
  readonly recorder: LocalRecorder | undefined;
  /** Carries out requests of others than this process. Only in the writer's own process. */
  readonly handle: Handle | undefined;
  readonly vault: Vault;
  /** What `hello` answers as the broker's address. Only in the writer's own process. `of`: it ends with a run. */
  setProxyUrl(url: string | undefined, of?: 'run'): void;
  /** What `status` answers as the broker's counts. Only in the writer's own process. */
  setBrokerCounts(read: (() => BrokerCounts) | undefined): void;
  /** What it answers as the place where the log is followed live. Only in the writer's own process. */
  setTailUrl(url: string | undefined): void;
  /** What it answers of the hooks that it serves. Only in the writer's own process. */
  setHooks(read: (() => HooksServed) | undefined): void;
  /** Reads the policy file again; throws POLICY_INVALID and leaves the one in force. True when it changed. */
  reloadPolicy(): Promise<boolean>;
  close(reason?: string): Promise<void>;
}

/** Twice is the same as once. */
const REPEATABLE: ReadonlySet<Op> = new Set([
  'hello',
  'status',
  'checkpoint',
  'agent.list',
  'approval.list',
  'kill.list',
  'record',
  'run.end',
  'gap.report',
  'export.start',
  'export.end',
  'import.begin',
  'import.rows',
  'import.end',
]);
const WAIT_MS = 5_000;
const RETRY_MS = 25;

/** Becomes the writer when there is none, else connects to it. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { paths } = options;
  await makeHome(paths);
  const vault = await readyVault(paths, options.onWarning);
  const ulid = ulidSource(random);
  let link = await connect(options, vault);
  let reload: Reload | undefined;

  /** Asked again after a lost answer: harmless for reads, and for events because they carry an id. */
  async function ask<O extends Op>(op: O, params: OpParams<O>): Promise<OpResults[O]> {
    // Nothing is asked twice of a writer in this process, which would have to know every earlier id to see that.
    const request =
      op === 'record' && link.writer === undefined
        ? withId(params as OpParams<'record'>, `log_${ulid(Date.now())}`)
        : params;
    const repeatable = REPEATABLE.has(op);
    const deadline = performance.now() + (options.waitMs ?? WAIT_MS);
    for (;;) {
      try {
        return await link.ask(op, request as OpParams<O>);
      } catch (error) {
        if (!isUnavailable(error) || !repeatable || link.writer !== undefined) throw error;
        // One deadline for all attempts: a writer that takes no more clients closes each connection at once.
        if (performance.now() > deadline) throw error;
        await pause();
        link = await connect(options, vault);
      }
    }
  }

  return {
    get role() {
      return link.writer === undefined ? 'client' : 'writer';
    },
    ask,
    get recorder() {
      return link.writer?.recorder;
    },
    get handle() {
      return link.writer?.handle;
    },
    vault,
    setProxyUrl: (url, of) => link.writer?.setProxyUrl(url, of),
    setBrokerCounts: (read) => link.writer?.setBrokerCounts(read),
    setTailUrl: (url) => link.writer?.setTailUrl(url),
    setHooks: (read) => link.writer?.setHooks(read),
    async reloadPolicy() {
      const { writer } = link;
      if (writer === undefined) return false;
      reload ??= (await import('./open/policy-file.ts')).policyReloader();
      const take = reload;
      return writer.policyTurn(() => take(paths, writer.recorder));
    },
    async close(reason = 'end of the command') {
      await link.close(reason);
      vault.close();
    },
  };
}

function withId(params: OpParams<'record'>, id: string): OpParams<'record'> {
  return params.event.id === undefined ? { event: { ...params.event, id } } : params;
}

interface Link {
  readonly writer: Writer | undefined;
  readonly ask: Ask;
  close(reason: string): Promise<void>;
}

async function connect(options: SessionOptions, vault: Vault): Promise<Link> {
  const { paths, client } = options;
  const deadline = performance.now() + (options.waitMs ?? WAIT_MS);
  for (;;) {
    const lock = options.require === 'client' ? undefined : tryLock(lockPath(paths));
    if (lock !== undefined) {
      // Not loaded by those who find a recorder that runs.
      const openWriter = await load(lock);
      const writer = await openWriter(options, vault, () => lock.release());
      return {
        writer,
        ask: (op, params) => writer.handle(op, params, client),
        close: (reason) => writer.close(reason),
      };
    }
    const socket = options.require === 'writer' ? undefined : await greet(options);
    if (socket !== undefined) {
      return { writer: undefined, ask: socket.ask, close: async () => socket.close() };
    }
    if (performance.now() > deadline) throw await unavailable(options);
    await pause();
  }
}

async function load(lock: { release(): void }): Promise<typeof import('./open/writer.ts').openWriter> {
  try {
    return (await import('./open/writer.ts')).openWriter;
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Undefined when nobody listens, or the listener takes no more clients, is closing or stopped: those may pass. */
async function greet({ paths, client }: SessionOptions): Promise<HandoverClient | undefined> {
  const socket = await connectHandover(paths.socket, client);
  try {
    await socket?.ask('hello', {});
    return socket;
  } catch (error) {
    socket?.close();
    if (!isUnavailable(error)) throw error;
    return undefined;
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof TallyError && error.code === 'RECORDER_UNAVAILABLE';
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, RETRY_MS));
}

async function unavailable(options: SessionOptions): Promise<TallyError> {
  if (options.require !== 'writer') {
    return new TallyError('RECORDER_UNAVAILABLE', 'the recorder holds the log but does not answer', {
      hint: 'it is stopped, overloaded or has too many clients: look at the output of `tally up`; if that process hangs, end it and try again',
    });
  }
  const other = await connectHandover(options.paths.socket, options.client);
  const pid = other === undefined ? undefined : (await other.ask('status', {}).catch(() => undefined))?.pid;
  other?.close();
  return new TallyError(
    'LOG_LOCKED',
    `another recorder writes this log${pid === undefined ? '' : ` (pid ${pid})`}`,
    {
      hint: 'use the one that runs (`tally status` shows it), or stop it first; TALLY_HOME gives this one a log of its own',
    },
  );
}
