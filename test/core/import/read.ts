/** Reading a text as a file of a format, cut into pieces. */
import type { Event } from '../../../src/core/entry.ts';
import type { ImportFormat } from '../../../src/core/import/decoder.ts';
import { createImportReader, type ImportItem } from '../../../src/core/import/read.ts';

export function readAll(
  format: ImportFormat,
  bytes: Uint8Array | string,
  { file = 'file.jsonl', piece = 1 << 16 }: { readonly file?: string; readonly piece?: number } = {},
) {
  const reader = createImportReader({ format, file });
  const all = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
  const items: ImportItem[] = [];
  for (let at = 0; at < all.length; at += piece) items.push(...reader.push(all.subarray(at, at + piece)));
  items.push(...reader.end());
  return { items, verdict: reader.verdict(), unpaired: reader.unpaired() };
}

export function eventsOf(items: readonly ImportItem[]): readonly Event[] {
  return items.flatMap((item) => ('events' in item ? item.events : []));
}

export function refusalsOf(items: readonly ImportItem[]): readonly string[] {
  return items.flatMap((item) => ('refused' in item ? [`${item.line}: ${item.refused}`] : []));
}

export function lines(...records: readonly unknown[]): string {
  return records
    .map((record) => `${typeof record === 'string' ? record : JSON.stringify(record)}\n`)
    .join('');
}

/** `metadata.imported`. */
export function importedOf(event: Event | undefined): Record<string, unknown> {
  return (event?.metadata?.imported ?? {}) as Record<string, unknown>;
}
