/** The writer of this machine's log: the recorder, its service, and the socket that other processes come through. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { AnchorRunner } from '../anchor/runner.ts';
import type { Vault } from '../capture/secrets/vault.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import { currentEpoch, logName } from '../home.ts';
import type { BrokerAddress, BrokerCounts, HooksServed, TailAddress } from '../recorder/ops.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import type { Handle } from '../recorder/requests.ts';
import type { ServiceOptions } from '../recorder/service.ts';
import { createTurns, type InTurn } from '../recorder/turns.ts';
import { type Handover, serveHandover } from '../server/handover.ts';
import type { OpenedAlerts } from './alerts.ts';
import { random } from './lock.ts';
import { openLog, VERSION } from './log.ts';
import { operatorGate } from './operator-gate.ts';
import type { WriterOptions } from './options.ts';
import type { OpenedForward } from './otlp/forward.ts';
import { writePolicy } from './policy-file.ts';
import type { Retention } from './retention.ts';

export interface Writer {
  readonly recorder: LocalRecorder;
  readonly handle: Handle;
  readonly policyTurn: InTurn;
  setProxyUrl(url: string | undefined, of?: 'run'): void;
  setBrokerCounts(read: (() => BrokerCounts) | undefined): void;
  setTailUrl(url: string | undefined): void;
  setHooks(read: (() => HooksServed) | undefined): void;
  close(reason: string): Promise<void>;
}

/** The caller holds the lock; `release` gives it back, also when this fails. */
export async function openWriter(options: WriterOptions, vault: Vault, release: () => void): Promise<Writer> {
  const { paths, onWarning } = options;
  let handover: Handover | undefined;
  let anchors: AnchorRunner | undefined;
  let retention: Retention | undefined;
  let alerts: OpenedAlerts | undefined;
  let forward: OpenedForward | undefined;
  try {
    const epoch = currentEpoch(paths);
    const recorder = await openLog(options, epoch);
    const protect = (name: string, value: Buffer | undefined): void => {
      if (value === undefined) recorder.secrets.delete(name);
      else recorder.secrets.set(name, value.toString('utf8'));
    };
    let readable = true;
    try {
      for (const { name, value } of vault.entries()) {
        protect(name, value);
        value.fill(0);
      }
      vault.onChange(protect);
    } catch (error) {
      // Whoever asks for a secret gets this from the vault itself, and that it was asked for belongs on record.
      if (options.brief !== true || !isTallyError(error) || error.code !== 'VAULT_UNREADABLE') throw error;
      readable = false;
    }

    let broker: BrokerAddress = {};
    let counts: (() => BrokerCounts) | undefined;
    let tail: TailAddress = {};
    let hooks: (() => HooksServed) | undefined;
    const policyTurn = createTurns();
    // Each is loaded only where it is wanted: together they are more than all the rest, and somebody waits for a secret.
    if (options.anchors !== undefined) {
      const { openAnchors } = await import('./anchors.ts');
      anchors = openAnchors({ paths, anchors: options.anchors, recorder, vault, onWarning });
    }
    const runner = anchors;
    if (options.retention !== undefined) {
      const { openRetention } = await import('./retention.ts');
      retention = openRetention({
        recorder,
        ...options.retention,
        anchored: () => anchoredSize(options),
        now: Date.now,
        onWarning,
      });
    }
    const kept = retention;
    if (options.alerts !== undefined) {
      const { openAlertService } = await import('./alerts.ts');
      alerts = await openAlertService({ paths, alerts: options.alerts, recorder, vault, onWarning });
    }
    const told = alerts;
    if (options.otlp !== undefined) {
      const { openForward } = await import('./otlp/forward.ts');
      forward = await openForward({ paths, otlp: options.otlp, recorder, vault, onWarning });
    }
    const sent = forward;
    const service = await serviceFor(options, {
      recorder,
      random,
      version: VERSION,
      pid: process.pid,
      broker: () => ({
        ...broker,
        ...(counts === undefined ? {} : { proxy_counts: counts() }),
        ...tail,
        ...(hooks === undefined ? {} : { hooks: hooks() }),
      }),
      writePolicy: (text) => writePolicy(paths, text),
      operator: operatorGate(paths),
      policyTurn,
      processes: { host: hostname(), isAlive },
      ...(runner === undefined ? {} : { anchors: runner }),
      ...(kept === undefined ? {} : { retention: kept }),
      ...(told === undefined ? {} : { alerts: told }),
      ...(sent === undefined ? {} : { otlp: sent.state }),
    });
    const handle: Handle = (op, params, client) => {
      // Another process may have set a secret: from this request on it must not reach an entry.
      if (readable) vault.list();
      if (options.brief === true && LASTING.test(op)) throw brief(op);
      return service(op, params, client);
    };
    handover = await serveHandover({
      path: paths.socket,
      handle,
      ...(options.quiet === undefined ? {} : { quiet: options.quiet }),
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
      setBrokerCounts: (read) => {
        counts = read;
      },
      setTailUrl: (url) => {
        tail = url === undefined ? {} : { tail_url: url };
      },
      setHooks: (read) => {
        hooks = read;
      },
      async close(reason) {
        try {
          await served.close();
          await runner?.close();
          await kept?.close();
          await told?.close();
          await sent?.close();
          await recorder.close(reason);
        } finally {
          release();
        }
      },
    };
  } catch (error) {
    await handover?.close();
    await anchors?.close();
    await retention?.close();
    await alerts?.close();
    await forward?.close();
    release();
    throw error;
  }
}

/** Loaded as it is needed: most of what may be asked of a writer nobody asks of one that lives for an access to a secret. */
async function serviceFor({ brief }: WriterOptions, options: ServiceOptions): Promise<Handle> {
  if (brief === true) return (await import('../recorder/brief-service.ts')).createBriefService(options);
  // One that lives for long has all of itself from its start: hours later another version may lie there.
  const [{ createService }] = await Promise.all([
    import('../recorder/service.ts'),
    import('../recorder/prune.ts'),
    import('../recorder/erase.ts'),
    import('../store/file/seal.ts'),
    import('../store/file/sealed-file.ts'),
  ]);
  return createService(options);
}

/** Of this machine. Somebody else's process is one too. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** What a writer that lives for one access to a secret has not loaded. */
const LASTING = /^(anchor|alert|retain)\./;

function brief(op: string): TallyError {
  return new TallyError('RECORDER_UNAVAILABLE', `${op}: the recorder that runs just now ends in a moment`, {
    hint: 'ask again',
  });
}

/** Entries that every configured anchor has seen; undefined when none is configured. */
async function anchoredSize({ paths, anchors }: WriterOptions): Promise<number | undefined> {
  const configured = anchors?.settings().anchors ?? [];
  if (configured.length === 0) return undefined;
  const { lastReceipt } = await import('./last-receipt.ts');
  const directory = join(paths.logs, logName(currentEpoch(paths)));
  const sizes = await Promise.all(
    configured.map(async ({ name }) => (await lastReceipt(directory, name))?.size ?? 0),
  );
  return Math.min(...sizes);
}
