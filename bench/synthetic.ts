/**
 * Writes a log of any size without a recorder, some ten times as fast: entries as a tool's calls leave them, chained, in
 * plain segments, with tiles and a signed checkpoint. For what reads logs.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { serializeEntry } from '../src/core/canonical.ts';
import { GENESIS_PREV } from '../src/core/entry.ts';
import { LIMITS } from '../src/core/limits.ts';
import { signCheckpoint } from '../src/core/tlog/checkpoint.ts';
import { makeKeyPair, signerFromSkey } from '../src/core/tlog/key.ts';
import { TILE_WIDTH, tilePath } from '../src/core/tlog/tile.ts';
import { createTree } from '../src/core/tlog/tiling.ts';
import { leafHashInPlace } from '../src/core/tlog/tree.ts';
import { variedEvent } from './large.ts';

export const ORIGIN = 'bench.example/local';
/** Different events, over and over again: making each costs more than all the rest. */
const EVENTS = 4_096;
const BUFFERED = 4 * 1024 * 1024;

/** The text of an entry around its index and its `prev`. */
interface Template {
  readonly before: string;
  readonly between: string;
  readonly after: string;
}

function template(n: number): Template {
  const prev = '#prev#';
  const { action, ...event } = variedEvent(n);
  const line = serializeEntry({
    ...event,
    action: { ...action, args: undefined, args_hash: randomBytes(32).toString('hex') },
    v: 1,
    id: `log_01M7Y5DTQ0${String(n).padStart(16, '0')}`,
    index: 0,
    prev,
    ts: '2026-11-21T04:21:57.088Z',
    tenant_id: 'local',
    step_id: `step_${n}`,
    source: { surface: 'sdk', assurance: 'observed', recorder_id: 'rec_1', recorder_version: '0', seq: n },
  } as Parameters<typeof serializeEntry>[0]);
  const [before = '', rest = ''] = line.split('"index":0,');
  const [between = '', after = ''] = rest.split(prev);
  return { before: `${before}"index":`, between: `,${between}`, after: `${after}\n` };
}

/** The directory of the log. */
export function writeSyntheticLog(directory: string, entries: number): string {
  const templates = Array.from({ length: EVENTS }, (_, n) => template(n));
  const tree = createTree();
  const leaf = new Uint8Array(32);
  const block = Buffer.alloc(BUFFERED + LIMITS.entryBytes + 1);
  let filled = 1;
  let prev: string = GENESIS_PREV;
  let fd = -1;

  const put = (name: string, bytes: Uint8Array): void => {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), bytes);
  };
  const flush = (): void => {
    if (filled > 1) writeSync(fd, block, 1, filled - 1);
    filled = 1;
  };

  mkdirSync(join(directory, 'entries'), { recursive: true });
  for (let index = 0; index < entries; index++) {
    if (index % LIMITS.segmentEntries === 0) {
      flush();
      if (fd >= 0) closeSync(fd);
      fd = openSync(join(directory, 'entries', `${String(index).padStart(12, '0')}.jsonl`), 'w');
    }
    const { before, between, after } = templates[index % EVENTS] ?? template(index);
    const start = filled;
    filled += block.write(before + index + between + prev + after, filled, 'latin1');
    prev = leafHashInPlace(block, start, filled - 1, leaf);
    tree.append(leaf);
    for (const { level, index: at, bytes } of tree.takeTiles())
      put(tilePath({ level, index: at, width: TILE_WIDTH }), bytes);
    if (filled > BUFFERED) flush();
  }
  flush();
  if (fd >= 0) closeSync(fd);
  const { skey, vkey } = makeKeyPair(ORIGIN, randomBytes(32));
  put(
    'checkpoint',
    signCheckpoint({ origin: ORIGIN, size: entries, root: tree.root() }, [signerFromSkey(skey)]),
  );
  put('vkey', Buffer.from(vkey));
  const keys = [{ vkey, from: 0 }];
  const created = '2026-01-01T00:00:00.000Z';
  put('log.json', Buffer.from(JSON.stringify({ format: 1, tenant: 'local', origin: ORIGIN, keys, created })));
  return directory;
}
