/**
 * Makes a log of any number of entries by recording them: through the recorder and the file store, many in flight, so
 * that it is what a busy machine would have left. Entries are about 830 bytes and differ as those of real calls do.
 *
 *     node bench/large.ts DIR [ENTRIES=300000] [--no-seal] [--pairs]
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Event } from '../src/core/entry.ts';
import { compilePolicy } from '../src/core/policy/load.ts';
import type { LogStore } from '../src/core/ports.ts';
import { makeKeyPair, signerFromSkey } from '../src/core/tlog/key.ts';
import { createLog } from '../src/recorder/create.ts';
import { openRecorder } from '../src/recorder/open.ts';
import type { LocalRecorder } from '../src/recorder/recorder.ts';
import { fileObjects } from '../src/store/file/objects.ts';
import { openFileStore } from '../src/store/file/store.ts';

const ORIGIN = 'bench.example/local';
const AT_ONCE = 4_096;

export interface LargeLog {
  readonly directory: string;
  /** The log itself, as `--log` takes it. */
  readonly log: string;
  readonly vkey: string;
  /** Recovers it and goes on. The caller closes it. */
  open(wrap?: (store: LogStore) => LogStore): Promise<LocalRecorder>;
}

/** The log in `directory`, made (without entries) when it is not there. */
export async function largeLog(directory: string): Promise<LargeLog> {
  const keyFile = join(directory, 'key.json');
  const log = join(directory, 'logs', 'local');
  const heads = fileObjects(join(directory, 'heads'));
  const known = await readFile(keyFile, 'utf8').catch(() => undefined);
  const pair =
    known === undefined
      ? makeKeyPair(ORIGIN, randomBytes(32))
      : (JSON.parse(known) as ReturnType<typeof makeKeyPair>);
  const info = {
    format: 1 as const,
    tenant: 'local',
    origin: ORIGIN,
    keys: [{ vkey: pair.vkey, from: 0 }],
    created: '2026-01-01T00:00:00.000Z',
  };
  const signer = signerFromSkey(pair.skey);
  if (known === undefined) {
    await createLog({ store: await openFileStore(log), heads, name: 'local', info, signer });
    await mkdir(directory, { recursive: true });
    await writeFile(keyFile, JSON.stringify(pair), { mode: 0o600 });
  }
  return {
    directory,
    log,
    vkey: pair.vkey,
    async open(wrap = (store) => store) {
      return openRecorder({
        tenant: 'local',
        name: 'local',
        version: '0',
        store: wrap(await openFileStore(log)),
        heads,
        registry: fileObjects(join(directory, 'registry')),
        info,
        signer,
        masterKey: randomBytes(32),
        policy: compilePolicy('version: "1"\nallowlist: [api.example.com]\n', { id: 'local' }),
        now: Date.now,
        random: (size) => randomBytes(size),
      });
    },
  };
}

const NAMES = ['invoice.create', 'ticket.search', 'file.read', 'mail.send', 'chat.complete'] as const;
const PATHS = ['/v1/invoices', '/v1/tickets', '/v1/files', '/v1/messages', '/v1/chat/completions'] as const;

/** The n-th event: a call of a tool with arguments that nobody else used. */
export function variedEvent(n: number): Event {
  const token = randomBytes(12).toString('hex');
  const kind = n % NAMES.length;
  return {
    type: 'tool.call',
    phase: 'point',
    run_id: `run_01JD${String(Math.floor(n / 400)).padStart(22, '0')}`,
    actor: { agent_id: `agent-${n % 37}`, identity_level: 'declared' },
    action: {
      name: NAMES[kind] ?? '',
      target: {
        scheme: 'https',
        host: `${['api', 'eu', 'files', 'hooks'][n % 4]}.example.com`,
        port: 443,
        path: `${PATHS[kind]}/${token.slice(0, 16)}`,
        method: n % 3 === 0 ? 'POST' : 'GET',
      },
      args: { customer: `cus_${token}`, amount: n % 9973, currency: 'eur', note: 'as agreed by phone' },
    },
    reason: `step ${n % 17} of the report`,
    outcome: {
      status: 'ok',
      status_code: n % 11 === 0 ? 404 : 200,
      duration_ms: (n * 7919) % 1300,
      bytes_in: (n * 104729) % 60_000,
      bytes_out: 120 + (n % 900),
    },
    metadata: { attempt: 1 + (n % 3) },
  };
}

/** Records until the log has `entries`; with `pairs`, calls of two entries as the broker writes them. */
export async function fill(recorder: LocalRecorder, entries: number, pairs = false): Promise<void> {
  const producer = { surface: pairs ? 'proxy' : 'sdk', assurance: pairs ? 'enforced' : 'observed' } as const;
  for (let n = recorder.size(); n < entries; n = recorder.size()) {
    const left = Math.min(AT_ONCE, entries - n);
    await Promise.all(
      Array.from({ length: pairs ? Math.ceil(left / 2) : left }, async (_, i) => {
        const { outcome, ...event } = variedEvent(n + i);
        if (!pairs) return recorder.record({ ...event, ...(outcome && { outcome }) }, producer);
        const { id } = await recorder.record({ ...event, type: 'http.call', phase: 'pre_exec' }, producer);
        return recorder.record(
          { type: 'http.call', phase: 'post_exec', parent_id: id, ...(outcome && { outcome }) },
          producer,
        );
      }),
    );
  }
}

if (import.meta.main) {
  const [directory, count = '300000'] = process.argv.slice(2).filter((each) => !each.startsWith('--'));
  if (directory === undefined) throw new Error('node bench/large.ts DIR [ENTRIES] [--no-seal] [--pairs]');
  const { open } = await largeLog(directory);
  const noSeal = process.argv.includes('--no-seal');
  const recorder = await open((store) =>
    noSeal ? { ...store, seal: () => Promise.reject(new Error('left plain')) } : store,
  );
  const started = performance.now();
  await fill(recorder, Number(count), process.argv.includes('--pairs'));
  const seconds = (performance.now() - started) / 1000;
  await recorder.close('made');
  process.stdout.write(`${recorder.size()} entries in ${seconds.toFixed(1)} s\n`);
}
