/**
 * Reads what is about to be pruned, once: is it what was signed, what goes with it, and what must outlive it. Entries that
 * were altered are not removed: they are evidence.
 */
import { equalBytes } from '../core/bytes.ts';
import { isTallyError, TallyError } from '../core/error.ts';
import { HASH_BYTES } from '../core/hash.ts';
import type { Saved } from '../core/identity/saved.ts';
import { serializeRegistry } from '../core/identity/saved.ts';
import type { JsonObject } from '../core/json.ts';
import { citationOf } from '../core/payload/citation.ts';
import type { LogReader } from '../core/ports.ts';
import { textAt } from '../core/query/fields.ts';
import { parseLine } from '../core/query/line.ts';
import type { CarriedEntry } from '../core/retention/carried.ts';
import { LOG_PRUNE } from '../core/retention/prune-entry.ts';
import type { Checkpoint } from '../core/tlog/checkpoint.ts';
import { KEY_ROTATE } from '../core/tlog/key-history.ts';
import { checkConsistency, proveConsistency, treeRoot } from '../core/tlog/proof.ts';
import { TILE_WIDTH } from '../core/tlog/tile.ts';
import { createTree, loadTreeState, type TileReader, tileHashReader } from '../core/tlog/tiling.ts';
import { type Line, lineLeaf, lineMentions, lineText, lineType, scanEntries } from './lines.ts';
import { foldOnto } from './registry.ts';

export interface Held {
  readonly runs: ReadonlySet<string>;
  /** Data keys of subjects that are held. */
  readonly keys: ReadonlySet<string>;
}

export interface Collected {
  /** Root of the first `to` entries. */
  readonly root: Uint8Array;
  /** Data keys that entries of the range cite. */
  readonly keys: ReadonlySet<string>;
  /** Entries that are needed word for word: rotations of the key, and earlier prunes. */
  readonly entries: readonly CarriedEntry[];
  /** `serializeRegistry` at `to`. */
  readonly registry: string;
  readonly bytes: number;
}

/** The first entry of the range that a hold on a run or a subject covers. One pass, and it parses hardly anything. */
export async function firstHeld(
  log: LogReader,
  from: number,
  to: number,
  { runs, keys }: Held,
): Promise<{ readonly index: number; readonly run?: string; readonly key?: string } | undefined> {
  if (runs.size + keys.size === 0) return undefined;
  let found: { index: number; run?: string; key?: string } | undefined;
  const needles = [...runs, ...keys].map((id) => JSON.stringify(id).slice(1, -1));
  await scanEntries(log, from, to, (line, index) => {
    if (found !== undefined || !needles.some((needle) => lineMentions(line, needle))) return;
    const entry = entryOf(line);
    const run = textAt(entry, 'run_id');
    const key = textAt(entry, 'payload', 'key_id');
    if (run !== undefined && runs.has(run)) found = { index, run };
    else if (key !== undefined && keys.has(key)) found = { index, key };
  });
  return found;
}

/**
 * `before`: the registry at `from`, and the entries that were carried until now. Errors: `LOG_DAMAGED` when what is there
 * is not what `checkpoint` signed.
 */
export async function collect(
  log: LogReader,
  range: {
    readonly from: number;
    readonly to: number;
    readonly checkpoint: Checkpoint;
    readonly tiles: TileReader;
  },
  before: { readonly registry: Saved; readonly entries: readonly CarriedEntry[] },
): Promise<Collected> {
  const { from, to, checkpoint, tiles } = range;
  const fold = foldOnto(before.registry);
  const entries = [...before.entries];
  const keys = new Set<string>();
  const tree = createTree(await loadTreeState(from, new Uint8Array(0), tiles));
  const leaf = new Uint8Array(HASH_BYTES);
  let bytes = 0;
  await scanEntries(log, from, to, (line, index) => {
    if (!line.whole || index !== tree.size) throw notSigned(index);
    bytes += line.end - line.start + 1;
    // Hashed before anything else looks at it: the byte in front of it is put back.
    lineLeaf(line, leaf);
    tree.append(leaf);
    const type = lineType(line);
    fold.see(line, index, type);
    if (type === KEY_ROTATE || type === LOG_PRUNE) entries.push({ index, entry: lineText(line) });
    if (!lineMentions(line, '"payload":{')) return;
    const citation = citationOf(entryOf(line) ?? {});
    if (typeof citation === 'object') keys.add(citation.key_id);
  });
  if (tree.size !== to) throw notSigned(tree.size);
  const root = tree.root();
  if (!(await isSigned(log, { to, root, checkpoint, tiles }))) throw notSigned(from);
  fold.state.size = to;
  return {
    root,
    keys,
    entries,
    registry: serializeRegistry({ state: fold.state, open: [], governance: fold.governance }),
    bytes,
  };
}

/** Whether the first `to` entries lead to the signed root: by a consistency proof to the last full tile, and the tail. */
async function isSigned(
  log: LogReader,
  {
    to,
    root,
    checkpoint,
    tiles,
  }: {
    readonly to: number;
    readonly root: Uint8Array;
    readonly checkpoint: Checkpoint;
    readonly tiles: TileReader;
  },
): Promise<boolean> {
  const full = checkpoint.size - (checkpoint.size % TILE_WIDTH);
  const tree = createTree(await loadTreeState(full, new Uint8Array(0), tiles));
  try {
    const hashes = tileHashReader(full, tiles);
    const proof = await proveConsistency(to, full, hashes);
    checkConsistency(proof, to, root, full, await treeRoot(full, hashes));
  } catch (error) {
    if (isTallyError(error)) return false;
    throw error;
  }
  const leaf = new Uint8Array(HASH_BYTES);
  await scanEntries(log, full, checkpoint.size, (line) => {
    lineLeaf(line, leaf);
    tree.append(leaf);
  });
  return tree.size === checkpoint.size && equalBytes(tree.root(), checkpoint.root);
}

function notSigned(index: number): TallyError {
  return new TallyError(
    'LOG_DAMAGED',
    `entries from ${index} on are not what was signed: nothing was removed`,
    {
      hint: 'run `tally verify`: it names every entry that was altered. Keep a copy as evidence before you prune',
      details: { index },
    },
  );
}

/**
 * Which of `keys` entries from `from` on cite. A key seals only in the process that made it, so the search ends with the
 * next start of a recorder.
 */
export async function stillCited(
  log: LogReader,
  keys: ReadonlySet<string>,
  from: number,
  isLater: (entry: JsonObject) => boolean = () => true,
): Promise<ReadonlySet<string>> {
  const cited = new Set<string>();
  if (keys.size === 0) return cited;
  for (const { first } of (await log.segments()).filter(
    (_, i, all) => (all[i + 1]?.first ?? Infinity) > from,
  )) {
    let over = false;
    await scanEntries(log, Math.max(from, first), await endOf(log, first), (line) => {
      if (over) return;
      if (lineType(line) === 'log.open') {
        const entry = entryOf(line);
        over = textAt(entry, 'source', 'assurance') === 'enforced' && entry !== undefined && isLater(entry);
        return;
      }
      if (!lineMentions(line, '"payload":{')) return;
      const entry = entryOf(line);
      const key = textAt(entry, 'payload', 'key_id');
      if (entry !== undefined && key !== undefined && keys.has(key) && isLater(entry)) cited.add(key);
    });
    if (over || cited.size === keys.size) break;
  }
  return cited;
}

/** Hashes of policy snapshots that entries from `from` on announce. */
export async function announcedSnapshots(log: LogReader, from: number): Promise<ReadonlySet<string>> {
  const announced = new Set<string>();
  await scanEntries(log, from, Number.POSITIVE_INFINITY, (line) => {
    const type = lineType(line);
    if (type !== 'policy.snapshot' && type !== 'log.open') return;
    const entry = entryOf(line);
    const hash =
      type === 'log.open' ? textAt(entry, 'metadata', 'policy', 'hash') : textAt(entry, 'metadata', 'hash');
    if (hash !== undefined) announced.add(hash);
  });
  return announced;
}

async function endOf(log: LogReader, first: number): Promise<number> {
  const next = (await log.segments()).find((segment) => segment.first > first);
  return next?.first ?? Number.POSITIVE_INFINITY;
}

function entryOf(line: Line): JsonObject | undefined {
  const parsed = parseLine(line.bytes.subarray(line.start, line.end));
  return 'entry' in parsed ? parsed.entry : undefined;
}
