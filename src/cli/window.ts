/**
 * The proven time window of one entry, found out for this very call: receipts are read and checked, and the entry is led
 * to the root that was time-stamped. That the entries between hold together is the chain's, which `tally verify` judges.
 */
import { checkReceipt } from '../anchor/receipt-check.ts';
import { listReceipts, type ReceiptFile, readReceipt } from '../anchor/receipts.ts';
import type { AnchorSetting } from '../anchor/setting.ts';
import { isTallyError } from '../core/error.ts';
import { sha256Hex } from '../core/hash.ts';
import { LIMITS } from '../core/limits.ts';
import { ANCHOR_OK, type AnchorEntry, readAnchorEntry } from '../core/query/anchored.ts';
import { parseLine } from '../core/query/line.ts';
import { createMentionFinder } from '../core/query/mentions.ts';
import { type TimedReceipt, type TimeWindow, timeWindow } from '../core/query/window.ts';
import { parseCheckpoint } from '../core/tlog/checkpoint.ts';
import { checkEntry } from '../core/tlog/entry-proof.ts';
import { parseNote } from '../core/tlog/note.ts';
import { proveInclusion } from '../core/tlog/proof.ts';
import type { OpenedReader } from '../reader.ts';
import { hashesOf } from './hashes.ts';
import { readLines } from './lines.ts';
import type { AnchorRequest } from './verify-anchors.ts';

interface Place {
  readonly index: number;
  readonly line: Uint8Array;
}

/** A checkpoint that was opened and found to cover the entry. */
export interface Signed {
  readonly size: number;
  readonly root: Uint8Array;
}

/**
 * Empty for an entry that no signature covers (`signed` is undefined): nobody outside has seen it. `stopped` names each
 * bound whose search ended at a limit.
 */
export async function proveWindow(
  { reader }: Pick<OpenedReader, 'reader'>,
  entry: Place,
  signed: Signed | undefined,
  { settings }: AnchorRequest,
): Promise<TimeWindow> {
  if (signed === undefined) return {};
  const files = (await listReceipts(reader.objects)).filter(
    ({ suffix }) => suffix === 'tsr' || suffix === 'note',
  );
  const known = new Map<string, Promise<Timed | undefined>>();
  const timed = (file: ReceiptFile): Promise<Timed | undefined> => {
    const key = `${file.name}/${file.size}.${file.suffix}`;
    const found = known.get(key) ?? readTimed(reader, file, settings.anchors);
    known.set(key, found);
    return found;
  };
  const receipts: TimedReceipt[] = [];
  const stopped = new Set<'not_before' | 'not_after'>();
  for (const name of new Set(files.map((file) => file.name))) {
    const own = files.filter((file) => file.name === name && file.size > entry.index).reverse();
    for (const [tries, file] of own.entries()) {
      if (tries >= LIMITS.windowReceipts) {
        stopped.add('not_after');
        break;
      }
      const receipt = await timed(file);
      if (receipt === undefined || !(await isIn(reader, entry, receipt))) continue;
      receipts.push(receipt);
      break;
    }
  }
  const entries: AnchorEntry[] = [];
  const smallest = Math.min(...files.map((file) => file.size));
  let tried = 0;
  for await (const told of namedBefore(reader, entry.index, smallest)) {
    const file = files.find(
      (one) => one.name === told.anchor && `${one.size}.${one.suffix}` === told.receipt,
    );
    // Places that sign no time are named too, perhaps every few seconds: they cost nothing, so they do not count.
    if (file === undefined) continue;
    if (tried++ >= LIMITS.windowEntries) {
      stopped.add('not_before');
      break;
    }
    const receipt = await timed(file);
    const [line] = await readLines(reader, told.index, told.index + 1);
    if (receipt === undefined || line === undefined) continue;
    if (!(await isIn(reader, { index: told.index, line }, signed))) continue;
    receipts.push(receipt);
    entries.push(told);
    if (timeWindow(entry.index, receipts, entries).not_before !== undefined) break;
  }
  const window = timeWindow(entry.index, receipts, entries);
  return stopped.size === 0 ? window : { ...window, stopped: [...stopped] };
}

interface Timed extends TimedReceipt {
  readonly root: Uint8Array;
}

async function readTimed(
  reader: OpenedReader['reader'],
  file: ReceiptFile,
  anchors: readonly AnchorSetting[],
): Promise<Timed | undefined> {
  const stored = await readReceipt(reader.objects, file);
  if (stored === undefined) return undefined;
  const told = await checkReceipt(
    stored,
    anchors.find(({ name }) => name === file.name),
  );
  if (told.status !== 'verified' || told.time === undefined) return undefined;
  return {
    anchor: file.name,
    type: told.type,
    time: told.time,
    size: file.size,
    receipt: `${file.size}.${stored.suffix}`,
    receipt_sha256: sha256Hex(stored.bytes),
    checkpoint_sha256: sha256Hex(stored.note),
    root: parseCheckpoint(parseNote(stored.note).text).root,
  };
}

async function isIn(
  reader: OpenedReader['reader'],
  { index, line }: Place,
  { size, root }: Signed,
): Promise<boolean> {
  try {
    const proof = await proveInclusion(index, size, hashesOf(reader, size));
    checkEntry(line, index, proof, { size, root });
    return true;
  } catch (error) {
    if (isTallyError(error)) return false;
    throw error;
  }
}

/** `anchor.ok` entries before `index`, newest first, a segment at a time; none is before the smallest size it names. */
async function* namedBefore(
  reader: OpenedReader['reader'],
  index: number,
  smallest: number,
): AsyncGenerator<AnchorEntry> {
  const segments = (await reader.segments()).map(({ first }) => first);
  for (const first of segments.filter((one) => one < index).reverse()) {
    const next = segments[segments.indexOf(first) + 1];
    if (next !== undefined && next <= smallest) return;
    yield* (await toldIn(reader, first)).filter((one) => one.index < index).reverse();
  }
}

async function toldIn(reader: OpenedReader['reader'], first: number): Promise<readonly AnchorEntry[]> {
  const found: AnchorEntry[] = [];
  const finder = createMentionFinder(Buffer.from(`"type":"${ANCHOR_OK}"`), LIMITS.entryBytes, (line) => {
    const parsed = parseLine(line);
    const told = 'entry' in parsed ? readAnchorEntry(parsed.entry) : undefined;
    if (told !== undefined) found.push(told);
  });
  for await (const block of reader.read(first)) finder.push(block);
  return found;
}
