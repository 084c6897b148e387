/** The writer of this machine's log: the recorder, its service, and the socket that other processes come through. */
import { join } from 'node:path';
import type { AnchorRunner } from '../anchor/runner.ts';
import { openVault, type Vault } from '../capture/secrets/vault.ts';
import { currentEpoch, operatorGate } from '../home.ts';
import type { Paths } from '../paths.ts';
import type { BrokerAddress, TailAddress } from '../recorder/ops.ts';
import type { LocalRecorder } from '../recorder/recorder.ts';
import { createService, type Handle } from '../recorder/service.ts';
import { createTurns, type InTurn } from '../recorder/turns.ts';
import { type Handover, serveHandover } from '../server/handover.ts';
import { openAnchors } from './anchors.ts';
import { openLog, random, VERSION } from './log.ts';
import type { WriterOptions } from './options.ts';
import { writePolicy } from './policy-file.ts';

export function vaultOf(paths: Paths): Vault {
  return openVault({
    path: join(paths.vault, 'secrets.vault'),
    key: { path: join(paths.keys, 'vault.key') },
  });
}

export interface Writer {
  readonly recorder: LocalRecorder;
  readonly handle: Handle;
  readonly policyTurn: InTurn;
  setProxyUrl(url: string | undefined, of?: 'run'): void;
  setTailUrl(url: string | undefined): void;
  close(reason: string): Promise<void>;
}

/** The caller holds the lock; `release` gives it back, also when this fails. */
export async function openWriter(options: WriterOptions, vault: Vault, release: () => void): Promise<Writer> {
  const { paths, onWarning } = options;
  let handover: Handover | undefined;
  let anchors: AnchorRunner | undefined;
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
    let tail: TailAddress = {};
    const policyTurn = createTurns();
    if (options.anchors !== undefined)
      anchors = openAnchors({ paths, anchors: options.anchors, recorder, vault, onWarning });
    const runner = anchors;
    const service = createService({
      recorder,
      random,
      version: VERSION,
      pid: process.pid,
      broker: () => ({ ...broker, ...tail }),
      writePolicy: (text) => writePolicy(paths, text),
      operator: operatorGate(paths),
      policyTurn,
      ...(runner === undefined ? {} : { anchors: runner }),
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
      setTailUrl: (url) => {
        tail = url === undefined ? {} : { tail_url: url };
      },
      async close(reason) {
        try {
          await served.close();
          await runner?.close();
          await recorder.close(reason);
        } finally {
          release();
        }
      },
    };
  } catch (error) {
    await handover?.close();
    await anchors?.close();
    release();
    throw error;
  }
}
