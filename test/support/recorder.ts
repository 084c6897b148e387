/** A recorder over bytes that outlive it: stop it, look at the bytes, start it again. */

import { createHash } from 'node:crypto';
import type { Entry } from '../../src/core/entry.ts';
import { type LogInfo, parseLogInfo } from '../../src/core/loginfo.ts';
import { type PayloadSetting, payloadPolicy } from '../../src/core/payload/policy.ts';
import { compilePolicy } from '../../src/core/policy/load.ts';
import type { DataKeyStore, LogStore, ObjectStore, PackStore } from '../../src/core/ports.ts';
import type { Redactor } from '../../src/core/redact/redact.ts';
import { makeKeyPair, signerFromSkey } from '../../src/core/tlog/key.ts';
import { createLog } from '../../src/recorder/create.ts';
import type { KeyFiles } from '../../src/recorder/keys.ts';
import { openRecorder } from '../../src/recorder/open.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { type MemoryDisk, memoryDisk, memoryObjects, openMemoryStore } from '../../src/store/memory.ts';
import { memoryDataKeys, memoryPacks } from '../../src/store/memory-packs.ts';
import { type MemoryKeys, memoryKeyFiles } from './key-files.ts';

export const ORIGIN = 'test.example/local';
export const POLICY = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist:
  - api.example.com
`;

export interface Machine {
  readonly disk: MemoryDisk;
  readonly heads: Map<string, Uint8Array>;
  readonly registry: Map<string, Uint8Array>;
  readonly packs: Map<number, Buffer>;
  readonly dataKeys: Map<string, Uint8Array>;
  readonly masterKey: Uint8Array;
  /** The first key: pinned. */
  readonly vkey: string;
  /** What lies in keys/: the log's key, and perhaps the one of a rotation. */
  readonly keyFiles: MemoryKeys;
  readonly info: LogInfo;
  /** Milliseconds; tests move it. */
  clock: { ms: number };
  open(options?: {
    readonly wrap?: (store: LogStore) => LogStore;
    readonly heads?: ObjectStore;
    readonly orphanGraceMs?: number;
    readonly redactor?: Redactor;
    readonly policy?: string;
    readonly owner?: { readonly id: string };
    readonly segmentEntries?: number;
    readonly onWarning?: (text: string) => void;
    readonly monotonic?: () => number;
    readonly brief?: boolean;
    /** Present: payloads are kept as it says. */
    readonly payloads?: PayloadSetting;
    readonly wrapPacks?: (packs: PackStore) => PackStore;
    readonly wrapKeyFiles?: (files: KeyFiles) => KeyFiles;
    readonly wrapKeys?: (keys: DataKeyStore) => DataKeyStore;
  }): Promise<LocalRecorder>;
}

/** Deterministic bytes: a failing property can be run again. */
export function countingRandom(seed: string): (size: number) => Uint8Array {
  let counter = 0;
  return (size) => {
    const blocks = Array.from({ length: Math.ceil(size / 32) }, () =>
      createHash('sha256').update(`${seed}:${counter++}`).digest(),
    );
    return new Uint8Array(Buffer.concat(blocks).subarray(0, size));
  };
}

export async function machine(disk: MemoryDisk = memoryDisk()): Promise<Machine> {
  const random = countingRandom('machine');
  const { skey, vkey } = makeKeyPair(ORIGIN, random(32));
  const info: LogInfo = {
    format: 1,
    tenant: 'local',
    origin: ORIGIN,
    keys: [{ vkey, from: 0 }],
    created: '2026-01-01T00:00:00.000Z',
  };
  const heads = new Map<string, Uint8Array>();
  const registry = new Map<string, Uint8Array>();
  const packs = new Map<number, Buffer>();
  const dataKeys = new Map<string, Uint8Array>();
  const masterKey = countingRandom('master')(32);
  const clock = { ms: Date.UTC(2026, 0, 1) };
  const signer = signerFromSkey(skey);
  await createLog({ store: openMemoryStore(disk), heads: memoryObjects(heads), name: 'local', info, signer });
  const keyFiles: MemoryKeys = { current: skey };
  let starts = 0;
  return {
    disk,
    heads,
    registry,
    packs,
    dataKeys,
    masterKey,
    vkey,
    keyFiles,
    info,
    clock,
    async open(options = {}) {
      const files = memoryKeyFiles(keyFiles, countingRandom(`keys of start ${starts}`));
      const stored = disk.objects.get('log.json');
      return openRecorder({
        tenant: 'local',
        name: 'local',
        version: '0.0.0-test',
        store: (options.wrap ?? ((store) => store))(openMemoryStore(disk)),
        heads: options.heads ?? memoryObjects(heads),
        registry: memoryObjects(registry),
        info: stored === undefined ? info : parseLogInfo(stored),
        signer: files.signer,
        keyFiles: (options.wrapKeyFiles ?? ((same) => same))(files),
        masterKey,
        policy: compilePolicy(options.policy ?? POLICY, { id: 'local' }),
        ...(options.redactor === undefined ? {} : { redactor: options.redactor }),
        ...(options.owner === undefined ? {} : { owner: options.owner }),
        ...(options.payloads === undefined
          ? {}
          : {
              payloads: {
                packs: (options.wrapPacks ?? ((same) => same))(memoryPacks(packs)),
                keys: (options.wrapKeys ?? ((same) => same))(memoryDataKeys(dataKeys)),
                policy: payloadPolicy(options.payloads),
              },
            }),
        now: () => clock.ms,
        random: countingRandom(`start ${starts++}`),
        ...(options.monotonic === undefined ? {} : { monotonic: options.monotonic }),
        ...(options.brief === undefined ? {} : { brief: options.brief }),
        ...(options.onWarning === undefined ? {} : { onWarning: options.onWarning }),
        ...(options.segmentEntries === undefined ? {} : { segmentEntries: options.segmentEntries }),
        ...(options.orphanGraceMs === undefined ? {} : { orphanGraceMs: options.orphanGraceMs }),
      });
    },
  };
}

/** Every entry on the disk, parsed, in order. */
export function entriesOf(disk: MemoryDisk): Entry[] {
  return [...disk.segments]
    .sort(([a], [b]) => a - b)
    .flatMap(([, bytes]) =>
      bytes
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== ''),
    )
    .map((line) => JSON.parse(line) as Entry);
}
