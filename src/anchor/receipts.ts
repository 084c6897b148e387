/**
 * Receipts as they lie in a log's directory. Nothing is ever overwritten: an `anchor.ok` entry may name the hash of what
 * is there.
 *
 *     anchors/<name>/<size>.checkpoint      what was shown
 *     anchors/<name>/<size>.<suffix>        what came back
 */
import { isTallyError } from '../core/error.ts';
import { LIMITS } from '../core/limits.ts';
import type { ObjectStore } from '../core/ports.ts';

export interface StoredReceipt {
  readonly name: string;
  readonly size: number;
  readonly suffix: string;
  /** The signed note that was shown. */
  readonly note: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface ReceiptFile {
  readonly name: string;
  readonly size: number;
  /** Of the receipt; absent when only the checkpoint is there. */
  readonly suffix?: string;
  /** The checkpoint lies beside it. */
  readonly shown?: boolean;
}

const CHECKPOINT = 'checkpoint';
const FILE = /^anchors\/([a-z0-9][a-z0-9-]{0,63})\/(0|[1-9]\d{0,15})\.([a-z0-9]{1,16})$/;

export function receiptPath(name: string, size: number, suffix: string): string {
  return `anchors/${name}/${size}.${suffix}`;
}

/**
 * All that are there, or those of one anchor; by name, the newest first. A checkpoint without a receipt counts. What lies
 * beside a receipt under another suffix is another one: it hides none.
 */
export async function listReceipts(
  objects: Pick<ObjectStore, 'list'>,
  of?: string,
): Promise<readonly ReceiptFile[]> {
  const found = new Map<string, { name: string; size: number; shown: boolean; suffixes: string[] }>();
  for (const path of await objects.list(of === undefined ? 'anchors/' : `anchors/${of}/`)) {
    const [, name = '', digits = '', suffix = ''] = FILE.exec(path) ?? [];
    if (suffix === '') continue;
    const key = `${name} ${digits}`;
    const known = found.get(key) ?? { name, size: Number(digits), shown: false, suffixes: [] };
    found.set(key, known);
    if (suffix === CHECKPOINT) known.shown = true;
    else known.suffixes.push(suffix);
  }
  return [...found.values()]
    .sort((a, b) => (a.name === b.name ? b.size - a.size : a.name < b.name ? -1 : 1))
    .flatMap(({ suffixes, ...one }): readonly ReceiptFile[] =>
      suffixes.length === 0 ? [one] : suffixes.map((suffix) => ({ ...one, suffix })),
    );
}

/** Undefined when one half is gone, larger than any receipt, or no file: others may write there. */
export async function readReceipt(
  objects: Pick<ObjectStore, 'get'>,
  { name, size, suffix }: ReceiptFile,
): Promise<StoredReceipt | undefined> {
  if (suffix === undefined) return undefined;
  const note = await readHalf(objects, receiptPath(name, size, CHECKPOINT));
  const bytes = await readHalf(objects, receiptPath(name, size, suffix));
  return note && bytes && { name, size, suffix, note, bytes };
}

async function readHalf(objects: Pick<ObjectStore, 'get'>, path: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = await objects.get(path);
    return bytes !== undefined && bytes.length <= LIMITS.noteBytes ? bytes : undefined;
  } catch (error) {
    if (isTallyError(error) && error.code === 'LOG_DAMAGED') return undefined;
    throw error;
  }
}

/** Resolved: both halves are durable. */
export function storeReceipt(
  objects: Pick<ObjectStore, 'putMany'>,
  { name, size, suffix, note, bytes }: StoredReceipt,
): Promise<void> {
  return objects.putMany([
    [receiptPath(name, size, CHECKPOINT), note],
    [receiptPath(name, size, suffix), bytes],
  ]);
}
