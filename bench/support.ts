/** What several benchmarks share: a scratch directory on a real disk, a wired recorder, an event of ordinary size. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Event } from '../src/core/entry.ts';
import { compilePolicy } from '../src/core/policy/load.ts';
import type { LogStore } from '../src/core/ports.ts';
import { makeKeyPair, signerFromSkey } from '../src/core/tlog/key.ts';
import { createLog } from '../src/recorder/create.ts';
import { openRecorder } from '../src/recorder/open.ts';
import type { LocalRecorder } from '../src/recorder/recorder.ts';
import { fileObjects } from '../src/store/file/objects.ts';
import { openFileStore } from '../src/store/file/store.ts';

/** Beside the project, not in /tmp: that may be memory, and memory is no disk. */
const SCRATCH_BASE = fileURLToPath(new URL('../', import.meta.url));

export async function scratch(): Promise<{ readonly directory: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(SCRATCH_BASE, 'bench-'));
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

export async function openBenchRecorder(
  directory: string,
  policy = 'version: "1"\nallowlist: [api.example.com]\n',
  wrap: (store: LogStore) => LogStore = (store) => store,
): Promise<LocalRecorder> {
  const { skey, vkey } = makeKeyPair('bench.example/local', randomBytes(32));
  const store = wrap(await openFileStore(join(directory, 'logs', 'local')));
  const info = {
    format: 1 as const,
    tenant: 'local',
    origin: 'bench.example/local',
    keys: [{ vkey, from: 0 }],
    created: '',
  };
  const signer = signerFromSkey(skey);
  const heads = fileObjects(join(directory, 'heads'));
  await createLog({ store, heads, name: 'local', info, signer });
  return openRecorder({
    tenant: 'local',
    name: 'local',
    version: '0',
    store,
    heads,
    registry: fileObjects(join(directory, 'registry')),
    info,
    signer,
    masterKey: randomBytes(32),
    policy: compilePolicy(policy, { id: 'local' }),
    now: Date.now,
    random: (size) => randomBytes(size),
  });
}

/** A 500-byte argument object; about 830 bytes as an entry. */
const ARGS = {
  customer: 'cus_0123456789',
  amount: 1250,
  currency: 'eur',
  lines: Array.from({ length: 6 }, (_, i) => ({
    item: `item-${i}`,
    quantity: i + 1,
    note: 'as agreed by phone in May',
  })),
};

export function ordinaryEvent(): Event {
  return {
    type: 'tool.call',
    phase: 'point',
    run_id: 'run_01JD0000000000000000000000',
    actor: { agent_id: 'billing-tool', identity_level: 'declared' },
    action: {
      name: 'invoice.create',
      target: { scheme: 'https', host: 'api.example.com', port: 443, path: '/v1/invoices', method: 'POST' },
      args: ARGS,
    },
    reason: 'the monthly invoice',
    outcome: { status: 'ok', status_code: 200, duration_ms: 12.5, bytes_in: 512, bytes_out: 1024 },
    metadata: { attempt: 1 },
  };
}
