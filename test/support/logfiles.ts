/** A log directory as a writer would leave it, written by hand: any size, any content, exact bytes known. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { serializeEntry } from '../../src/core/canonical.ts';
import { type Entry, GENESIS_PREV } from '../../src/core/entry.ts';
import { signCheckpoint } from '../../src/core/tlog/checkpoint.ts';
import { makeKeyPair, signerFromSkey } from '../../src/core/tlog/key.ts';
import { TILE_WIDTH, tilePath } from '../../src/core/tlog/tile.ts';
import { createTree } from '../../src/core/tlog/tiling.ts';
import { leafHash } from '../../src/core/tlog/tree.ts';

export type Draft = Partial<Entry> & { readonly type: string };

export interface LogFiles {
  readonly directory: string;
  readonly vkey: string;
  readonly origin: string;
  /** The stored lines, without their newlines. */
  readonly lines: readonly Buffer[];
}

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
export const START_MS = Date.UTC(2026, 10, 20, 12);

/** The id of the n-th entry: sortable, and told apart at a glance. */
export function idOf(n: number): string {
  let text = '';
  for (let rest = n, i = 0; i < 26; i++, rest = Math.floor(rest / 32))
    text = ALPHABET.charAt(rest % 32) + text;
  return `log_${text}`;
}

export interface WriteOptions {
  readonly segmentEntries?: number;
  /** Entries under the checkpoint; all of them by default, none when 0. */
  readonly signed?: number;
  readonly heads?: string;
}

/** Numbers, chains and writes `drafts`, one second apart, with full tiles and a signed checkpoint. */
export async function writeLogFiles(
  directory: string,
  drafts: readonly Draft[],
  options: WriteOptions = {},
): Promise<LogFiles> {
  const origin = 'test.example/local';
  const { skey, vkey } = makeKeyPair(origin, new Uint8Array(randomBytes(32)));
  const tree = createTree();
  const signed = options.signed ?? drafts.length;
  const segmentEntries = options.segmentEntries ?? 65_536;
  const lines: Buffer[] = [];
  let prev = GENESIS_PREV;
  let note: Uint8Array | undefined;
  const put = async (name: string, bytes: Uint8Array): Promise<void> => {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), bytes);
  };

  for (const entry of numbered(drafts)) {
    const line = Buffer.from(serializeEntry({ ...entry, prev }));
    lines.push(line);
    const leaf = leafHash(line);
    prev = Buffer.from(leaf).toString('base64');
    tree.append(leaf);
    if (tree.size === signed)
      note = signCheckpoint({ origin, size: signed, root: tree.root() }, [signerFromSkey(skey)]);
  }
  for (const { level, index, bytes } of tree.takeTiles())
    await put(tilePath({ level, index, width: TILE_WIDTH }), bytes);
  for (let first = 0; first < lines.length; first += segmentEntries) {
    const held = lines
      .slice(first, first + segmentEntries)
      .map((line) => Buffer.concat([line, Buffer.from('\n')]));
    await put(`entries/${String(first).padStart(12, '0')}.jsonl`, Buffer.concat(held));
  }
  const info = {
    format: 1,
    tenant: 'local',
    origin,
    keys: [{ vkey, from: 0 }],
    created: '2026-11-20T12:00:00.000Z',
  };
  await put('log.json', Buffer.from(JSON.stringify(info)));
  if (note !== undefined) await put('checkpoint', note);
  return { directory, vkey, origin, lines };
}

/** Drafts as entries, unchained: `prev` is missing. */
export function numbered(drafts: readonly Draft[]): readonly object[] {
  return drafts.map((draft, index) => ({ ...defaults(index), ...draft, index }));
}

function defaults(index: number) {
  return {
    v: 1,
    id: idOf(index),
    phase: 'point',
    ts: new Date(START_MS + index * 1000).toISOString(),
    tenant_id: 'local',
    source: {
      surface: 'proxy',
      assurance: 'enforced',
      recorder_id: 'rec_1',
      recorder_version: '0.1.0',
      seq: index,
    },
  };
}

export interface CallDraft {
  readonly agent?: string;
  readonly host?: string;
  readonly method?: string;
  readonly path?: string;
  readonly decision?: 'allow' | 'stop' | 'approval_required';
  readonly reason?: string;
  readonly status?: string;
  readonly code?: number;
  readonly redacted?: boolean;
  readonly credential?: string;
}

/** A call's two drafts; `at` is the index that its pre_exec will get. */
export function callDrafts(at: number, call: CallDraft = {}): readonly [Draft, Draft] {
  const { host = 'api.example.com', method = 'GET', path = '/v1/things', decision = 'allow' } = call;
  const common = {
    type: 'http.call',
    run_id: 'run_1',
    actor: { agent_id: call.agent ?? 'builder', identity_level: 'declared' },
    action: { name: 'http.call', target: { scheme: 'https', host, port: 443, path, method } },
    credentials: [{ ref: call.credential ?? 'EXAMPLE_KEY', injection_style: 'bearer' }],
  } as const;
  const stopped = decision === 'stop';
  return [
    {
      ...common,
      phase: 'pre_exec',
      decision: {
        outcome: decision,
        ...(call.reason === undefined ? {} : { reason: call.reason }),
        layer: 'allowlist',
        layers: [{ layer: 'allowlist', result: stopped ? 'fail' : 'pass', us: 3 }],
      },
    },
    {
      ...common,
      phase: 'post_exec',
      parent_id: idOf(at),
      outcome: {
        status: call.status ?? (stopped ? 'blocked' : 'ok'),
        duration_ms: 12.5,
        ...(stopped ? {} : { status_code: call.code ?? 200 }),
        ...(call.redacted === true ? { redacted: true } : {}),
      },
    },
  ] as unknown as readonly [Draft, Draft];
}

/** Deterministic and varied, for lists that a person looks at and for measurements. */
export function sampleDrafts(calls: number): Draft[] {
  const hosts = ['api.example.com', 'api.stripe.example', 'hooks.chat.example', 'models.llm.example'];
  const agents = ['builder', 'billing-tool', 'research-assistant-7'];
  const drafts: Draft[] = [];
  for (let n = 0; n < calls; n++) {
    const digest = createHash('sha256').update(String(n)).digest();
    const pick = <T>(list: readonly T[], byte: number): T | undefined =>
      list[(digest[byte] ?? 0) % list.length];
    const stop = (digest[3] ?? 0) < 20;
    drafts.push(
      ...callDrafts(drafts.length, {
        agent: pick(agents, 0) ?? '',
        host: pick(hosts, 1) ?? '',
        method: pick(['GET', 'GET', 'POST', 'DELETE'], 2) ?? 'GET',
        path: `/v1/${pick(['charges', 'customers', 'messages', 'chat/completions'], 4)}/${n}`,
        code: pick([200, 200, 200, 201, 404, 500], 5) ?? 200,
        redacted: (digest[6] ?? 0) < 30,
        ...(stop ? { decision: 'stop', reason: 'domain_not_in_allowlist' } : {}),
      }),
    );
  }
  return drafts;
}
