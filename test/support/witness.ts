/** A log that can be shown to witnesses at any of its sizes, and witnesses on scratch ports. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AnchorSubject } from '../../src/anchor/driver.ts';
import { encodeUtf8 } from '../../src/core/bytes.ts';
import type { ObjectStore } from '../../src/core/ports.ts';
import { signCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { type Cosigner, cosignerFromSkey, makeCosignerKey } from '../../src/core/tlog/cosignature.ts';
import { makeKeyPair, type Signer, signerFromSkey } from '../../src/core/tlog/key.ts';
import { proveConsistency } from '../../src/core/tlog/proof.ts';
import { createRange, leafHash } from '../../src/core/tlog/tree.ts';
import { trustLog } from '../../src/server/witness/logs.ts';
import { serveWitness, type WitnessServer } from '../../src/server/witness/serve.ts';
import { createWitness, type WitnessEvent } from '../../src/server/witness/witness.ts';
import { fileObjects } from '../../src/store/file/objects.ts';

export const WITNESSED = 'log.example/local';

export function makeCosigner(fill = 1, name = 'witness.example/w1'): Cosigner {
  return cosignerFromSkey(makeCosignerKey(name, new Uint8Array(32).fill(fill)).skey);
}

export interface GrownLog {
  readonly signer: Signer;
  root(size: number): Uint8Array;
  at(size: number): AnchorSubject;
}

/** `fork`: entries from this index on are others, signed by the same key. */
export function growLog(options: { fork?: number; origin?: string; fill?: number } = {}): GrownLog {
  const { fork = Number.POSITIVE_INFINITY, origin = WITNESSED, fill = 7 } = options;
  const signer = signerFromSkey(makeKeyPair(origin, new Uint8Array(32).fill(fill)).skey);
  const rootOf = (from: number, to: number): Uint8Array => {
    const range = createRange();
    for (let i = from; i < to; i++)
      range.append(leafHash(encodeUtf8(`${i >= fork ? 'other' : 'entry'} ${i}`)));
    return range.root();
  };
  return {
    signer,
    root: (size) => rootOf(0, size),
    at(size) {
      const checkpoint = { origin, size, root: rootOf(0, size) };
      return {
        ...checkpoint,
        note: signCheckpoint(checkpoint, [signer]),
        consistencyFrom: (old) =>
          proveConsistency(old, size, (height, index) =>
            rootOf(index * 2 ** height, (index + 1) * 2 ** height),
          ),
      };
    },
  };
}

export async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tally-witness-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export interface RunningWitness extends WitnessServer {
  readonly files: ObjectStore;
  readonly cosigner: Cosigner;
  readonly events: WitnessEvent[];
  readonly errors: unknown[];
}

/** Our own witness over real files and HTTP; closed after the test. It trusts what `trusts` signs. */
export async function startWitness(
  t: TestContext,
  options: {
    directory?: string;
    files?: ObjectStore;
    cosigner?: Cosigner;
    trusts?: readonly Signer[];
    now?: () => number;
    requestMs?: number;
  } = {},
): Promise<RunningWitness> {
  const { cosigner = makeCosigner(), trusts = [growLog().signer] } = options;
  const files = options.files ?? fileObjects(options.directory ?? (await scratch(t)));
  for (const { vkey } of trusts) await trustLog(files, vkey);
  const events: WitnessEvent[] = [];
  const errors: unknown[] = [];
  const witness = createWitness({
    files,
    cosigner,
    now: options.now ?? Date.now,
    onEvent: (event) => events.push(event),
  });
  const server = await serveWitness({
    witness,
    host: '127.0.0.1',
    port: 0,
    onError: (error) => errors.push(error),
    ...(options.requestMs === undefined ? {} : { requestMs: options.requestMs }),
  });
  t.after(() => server.close());
  return { ...server, files, cosigner, events, errors };
}
