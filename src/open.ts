/**
 * Composition root: from the state directory of a machine to a recorder that is wired to its drivers, or to the writer
 * that already runs there. The only place that picks drivers.
 */
// reason for length: one wiring, read from top to bottom; what can stand alone is in home.ts and paths.ts
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { connectHandover, type HandoverClient } from './capture/handover.ts';
import { openVault, type Vault } from './capture/secrets/vault.ts';
import { TallyError } from './core/error.ts';
import { type LogInfo, parseLogInfo } from './core/loginfo.ts';
import { compilePolicy, defaultPolicyText, unreadablePolicy } from './core/policy/load.ts';
import type { PolicyInForce } from './core/policy/types.ts';
import type { LogReader, ObjectStore } from './core/ports.ts';
import { ulidSource } from './core/ulid.ts';
import {
  currentEpoch,
  logName,
  MASTER_KEY_ANEW,
  makeHome,
  masterKey,
  operatorGate,
  signingKey,
} from './home.ts';
import { type Paths, TENANT } from './paths.ts';
import { openReader } from './reader.ts';
import { createLog } from './recorder/create.ts';
import type { Ask, BrokerAddress, Client, Op, OpParams, OpResults } from './recorder/ops.ts';
import { type LocalRecorder, openRecorder } from './recorder/recorder.ts';
import { createService, type Handle } from './recorder/service.ts';
import { createTurns, type InTurn } from './recorder/turns.ts';
import { type Handover, serveHandover } from './server/handover.ts';
import { errno, makeDirectory, replaceFile, syncDirectory } from './store/file/fs.ts';
import { tryLock } from './store/file/lock.ts';
import { fileObjects } from './store/file/objects.ts';
import { openFileStore } from './store/file/store.ts';
import { packageVersion } from './version.ts';

export interface SessionOptions {
  readonly paths: Paths;
  readonly client: Client;
  readonly onWarning: (line: string) => void;
  /** `writer`: waits for a short-lived writer to end and fails when the log stays taken. `client`: never writes itself. */
  readonly require?: 'writer' | 'client';
  /** From the machine's configuration. */
  readonly allowObserve?: boolean;
  /** How long to wait for a writer to answer or to end. */
  readonly waitMs?: number;
}

export interface Session {
  readonly role: 'writer' | 'client';
  readonly ask: Ask;
  /** Only in the writer's own process. */
  readonly recorder: LocalRecorder | undefined;
  readonly vault: Vault;
  /** What `hello` answers as the broker's address. Only in the writer's own process. `of`: it ends with a run. */
  setProxyUrl(url: string | undefined, of?: 'run'): void;
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
  'record',
  'run.end',
]);
const WAIT_MS = 5_000;
const RETRY_MS = 25;
const VERSION = packageVersion();
const random = (size: number): Uint8Array => randomBytes(size);

function vaultOf(paths: Paths): Vault {
  return openVault({
    path: join(paths.vault, 'secrets.vault'),
    key: { path: join(paths.keys, 'vault.key') },
  });
}

function lockPath(paths: Paths): string {
  return join(paths.state, `${TENANT}.lock.sqlite`);
}

/** Key names have no white space and no "+"; a machine may be called anything. */
function originOf(epoch: number): string {
  const host = hostname().replaceAll(/[^A-Za-z0-9.-]+/g, '-') || 'localhost';
  return epoch === 1 ? `${host}/${TENANT}` : `${host}/${TENANT}/${epoch}`;
}

async function loadPolicy(paths: Paths, onWarning: (line: string) => void): Promise<PolicyInForce> {
  try {
    return compilePolicy(await readPolicy(paths), { id: TENANT });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    onWarning(`the policy is not readable, so every call is stopped: ${why}`);
    return unreadablePolicy(why, { id: TENANT });
  }
}

async function readPolicy(paths: Paths): Promise<string> {
  try {
    return await readFile(paths.policyFile, 'utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return defaultPolicyText();
    throw error;
  }
}

async function writePolicy(paths: Paths, text: string): Promise<void> {
  const directory = join(paths.policyFile, '..');
  await makeDirectory(directory);
  await replaceFile(paths.policyFile, Buffer.from(text), true);
  await syncDirectory(directory);
}

/** Takes up an edit of the file. In turn with other changes: a file that is being replaced is no edit. */
async function reloadPolicy(paths: Paths, recorder: LocalRecorder): Promise<boolean> {
  const policy = compilePolicy(await readPolicy(paths), { id: TENANT });
  const before = recorder.policy();
  if (policy.hash === before.hash) return false;
  await recorder.record(
    {
      type: 'policy.change',
      phase: 'point',
      metadata: {
        before: { version: before.compiled.version, hash: before.hash },
        after: { version: policy.compiled.version, hash: policy.hash },
        file_edited: true,
      },
    },
    { surface: 'server', assurance: 'observed' },
  );
  await recorder.usePolicy(policy);
  return true;
}

interface Writer {
  readonly recorder: LocalRecorder;
  readonly handle: Handle;
  readonly policyTurn: InTurn;
  setProxyUrl(url: string | undefined, of?: 'run'): void;
  close(reason: string): Promise<void>;
}

async function openWriter(options: SessionOptions, vault: Vault, release: () => void): Promise<Writer> {
  const { paths, onWarning } = options;
  let handover: Handover | undefined;
  try {
    const epoch = currentEpoch(paths);
    const recorder = await openLog(options, epoch);
    const protect = (name: string, value: Buffer | undefined): void => {
      if (value === undefined) recorder.secrets.delete(name);
      else recorder.secrets.set(name, value.toString('utf8'));
    };
    for (const { name, value } of vault.entries()) {
      protect(name, value);
      value.fill(0);
    }
    vault.onChange(protect);

    let broker: BrokerAddress = {};
    const policyTurn = createTurns();
    const signer = await signingKey(paths, logName(epoch), recorder.origin, undefined);
    const service = createService({
      recorder,
      random,
      version: VERSION,
      vkey: signer.vkey,
      pid: process.pid,
      broker: () => broker,
      writePolicy: (text) => writePolicy(paths, text),
      operator: operatorGate(paths),
      policyTurn,
    });
    const handle: Handle = (op, params, client) => {
      // Another process may have set a secret: from this request on it must not reach an entry.
      vault.list();
      return service(op, params, client);
    };
    handover = await serveHandover({
      path: paths.socket,
      handle,
      onError: (error) =>
        onWarning(
          `a request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        ),
    });
    const served = handover;
    return {
      recorder,
      handle,
      policyTurn,
      setProxyUrl: (url, of) => {
        broker = url === undefined ? {} : { proxy_url: url, ...(of === undefined ? {} : { proxy_of: of }) };
      },
      async close(reason) {
        try {
          await served.close();
          await recorder.close(reason);
        } finally {
          release();
        }
      },
    };
  } catch (error) {
    await handover?.close();
    release();
    throw error;
  }
}

/** Opens log `epoch`, making it when it is new. The caller holds the lock. */
async function openLog(
  options: SessionOptions,
  epoch: number,
  continues?: LogInfo['continues'],
): Promise<LocalRecorder> {
  const { paths } = options;
  const name = logName(epoch);
  const heads = fileObjects(paths.heads);
  const store = await openFileStore(join(paths.logs, name));
  const stored = await store.objects.get('log.json');
  const pinned = await heads.get(`${name}/vkey`);
  const hasEntries = (await store.segments()).some(({ bytes }) => bytes > 0);
  let info: LogInfo;
  if (stored !== undefined) info = parseLogInfo(stored);
  else {
    await refuseWiped(store, heads, name, pinned !== undefined);
    const signer = await signingKey(paths, name, originOf(epoch), random);
    info = {
      format: 1,
      tenant: TENANT,
      origin: signer.name,
      keys: [{ vkey: signer.vkey, from: 0 }],
      created: new Date().toISOString(),
      ...(continues === undefined ? {} : { continues }),
    };
  }
  if (pinned === undefined && hasEntries) {
    throw new TallyError('LOG_DAMAGED', 'the log has entries, but this machine no longer remembers its key', {
      hint: `restore ${join(paths.heads, name)} from a backup; after an honest loss, \`tally log continue --reason …\` starts a new log that cites this one`,
    });
  }
  if (pinned === undefined) {
    const signer = await signingKey(paths, name, info.origin, undefined);
    await createLog({ store, heads, name, info, signer });
  } else if (Buffer.from(pinned).toString('utf8').trim() !== info.keys[0]?.vkey) {
    throw new TallyError('LOG_DAMAGED', 'log.json names another first key than the one that was remembered', {
      hint: 'somebody replaced log.json; compare it with a backup, and run `tally verify --key` with the key you trust',
    });
  }
  const signer = await signingKey(paths, name, info.origin, undefined);
  if (!info.keys.some(({ vkey }) => vkey === signer.vkey)) {
    throw new TallyError('LOG_DAMAGED', 'the signing key on this machine is not one of this log', {
      hint: 'restore the key file that belongs to this log; `tally key list` shows both',
    });
  }
  const master = await masterKey(paths, random);
  const recorder = await openRecorder({
    tenant: TENANT,
    name,
    version: VERSION,
    store,
    heads,
    registry: fileObjects(paths.registry),
    info,
    signer,
    masterKey: master.key,
    policy: await loadPolicy(paths, options.onWarning),
    ...(options.allowObserve === undefined ? {} : { allowObserve: options.allowObserve }),
    now: Date.now,
    random,
    about: { pid: process.pid, host: hostname(), node: process.versions.node, platform: process.platform },
  });
  if (master.made && hasEntries) {
    options.onWarning(
      'the master key of this log was gone, and another one was made: arguments of older entries cannot be compared with new ones. Restore keys/ from a backup if you have one',
    );
    await recorder.record(
      { type: 'config.change', phase: 'point', metadata: { changed: MASTER_KEY_ANEW } },
      { surface: 'server', assurance: 'observed' },
    );
  }
  return recorder;
}

/** A log that is remembered but not there was removed: a new one under its name would hide that. */
async function refuseWiped(
  store: LogReader,
  heads: ObjectStore,
  name: string,
  pinned: boolean,
): Promise<void> {
  const head = await heads.get(`${name}/checkpoint`);
  const entries = await store.segments();
  if (!pinned && head === undefined && entries.every(({ bytes }) => bytes === 0)) return;
  throw new TallyError('LOG_ROLLED_BACK', `log.json of ${name} is gone, but the log is remembered`, {
    hint: 'restore the log directory; after an honest loss, `tally log continue --reason …` starts a new log that cites the old head',
  });
}

/** Becomes the writer when there is none, else connects to it. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { paths } = options;
  await makeHome(paths);
  const vault = vaultOf(paths);
  const ulid = ulidSource(random);
  let link = await connect(options, vault);

  /** Asked again after a lost answer: harmless for reads, and for events because they carry an id. */
  async function ask<O extends Op>(op: O, params: OpParams<O>): Promise<OpResults[O]> {
    const request =
      op === 'record' ? withId(params as OpParams<'record'>, `log_${ulid(Date.now())}`) : params;
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
    vault,
    setProxyUrl: (url, of) => link.writer?.setProxyUrl(url, of),
    async reloadPolicy() {
      const { writer } = link;
      return writer === undefined ? false : writer.policyTurn(() => reloadPolicy(paths, writer.recorder));
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

/** After an honest restore: a new log whose first entry cites the old head and the loss. The old one stays as it is. */
export async function continueLog(
  paths: Paths,
  options: { readonly reason: string; readonly client: Client; readonly onWarning: (line: string) => void },
): Promise<{
  readonly name: string;
  readonly origin: string;
  readonly cites: NonNullable<LogInfo['continues']>;
}> {
  await makeHome(paths);
  const refused = options.client.run_token !== undefined || options.client.detected !== undefined;
  const gate = operatorGate(paths);
  const token = options.client.operator_token;
  const locked = (await gate.isProtected()) && !(token !== undefined && (await gate.check(token)));
  if (refused || locked) {
    throw new TallyError('OPERATOR_REQUIRED', 'only the operator may start a log that continues a lost one', {
      hint: 'run it yourself in a terminal outside of any agent; `tally operator unlock` first when a passphrase is set',
    });
  }
  const lock = tryLock(lockPath(paths));
  if (lock === undefined) {
    throw new TallyError('LOG_LOCKED', 'another recorder writes this log, so it is not lost', {
      hint: 'tally status',
    });
  }
  try {
    const epoch = currentEpoch(paths);
    const why = await whyRefused(options, paths, epoch);
    const old = openReader(paths);
    const head = await old.heads.get(`${old.name}/checkpoint`);
    const checkpoint = await old.reader.objects.get('checkpoint');
    const cites = {
      log: old.name,
      origin: originFrom(head ?? checkpoint) ?? originOf(epoch),
      reason: options.reason,
      refused: why,
      ...(head === undefined ? {} : { remembered_head: Buffer.from(head).toString('utf8') }),
      ...(checkpoint === undefined ? {} : { found_checkpoint: Buffer.from(checkpoint).toString('utf8') }),
    };
    const recorder = await openLog({ ...options, paths }, epoch + 1, cites);
    await recorder.close('continued');
    return { name: logName(epoch + 1), origin: recorder.origin, cites };
  } finally {
    lock.release();
  }
}

/** Why the current log does not open. Throws USAGE when it does: a healthy log goes on as it is. */
async function whyRefused(
  options: { readonly client: Client; readonly onWarning: (line: string) => void },
  paths: Paths,
  epoch: number,
): Promise<string> {
  try {
    const recorder = await openLog({ ...options, paths }, epoch);
    await recorder.close('nothing to continue from');
  } catch (error) {
    if (error instanceof TallyError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new TallyError('USAGE', 'the log opens as it is: there is nothing to continue from', {
    hint: 'tally up',
  });
}

function originFrom(checkpoint: Uint8Array | undefined): string | undefined {
  return checkpoint === undefined ? undefined : Buffer.from(checkpoint).toString('utf8').split('\n')[0];
}
