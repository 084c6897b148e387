/** The event of an imported record: its facts, where they came from, and that nobody checked them. */
import { type Event, EventSchema } from '../entry.ts';
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import type { Draft, ImportFormat } from './decoder.ts';

/** `metadata.imported`. */
export interface Imported {
  readonly format: ImportFormat;
  /** The name without its path. */
  readonly file: string;
  readonly line: number;
  /** Hex, of the bytes of the record. */
  readonly sha256: string;
  /** Which of the events of this record, when there are several: from 1. */
  readonly part?: number;
  /** When it happened, as the file says; `ts` of the entry is when it was recorded here. */
  readonly ts?: string;
  /** The record's own name for it. */
  readonly id?: string;
  readonly fields?: JsonObject;
  /** Members that were left out because they are too long. */
  readonly cut?: readonly string[];
}

export interface Origin {
  readonly format: ImportFormat;
  readonly file: string;
  readonly line: number;
  readonly sha256: string;
}

/** Set by the writer, whatever a file says. */
const OWN: ReadonlySet<string> = new Set(['type', 'phase', 'parent_id', 'payload']);

/** `refused`: why it is no event. */
export function importedEvent(
  id: string,
  draft: Draft,
  origin: Origin,
): { readonly event: Event; readonly cut: readonly string[] } | { readonly refused: string } {
  const { event, ts, sourceId, part } = draft;
  const { kept, cut } = bounded(draft.fields ?? {}, bytesOf(draft.metadata ?? {}));
  const left = [...(draft.cut ?? []), ...cut];
  const { reason, payload, ...facts } = event;
  const longReason = reason !== undefined && Buffer.byteLength(reason) > LIMITS.reasonBytes;
  const longPayload = payload !== undefined && bytesOf(payload.data) > LIMITS.importPayloadBytes;
  const args = facts.action?.args;
  const longArgs = args !== undefined && bytesOf(args) > LIMITS.importPayloadBytes;
  if (longArgs) left.push('args');
  if (longReason) left.push('reason');
  if (longPayload) left.push('payload');
  const imported: Imported = {
    ...origin,
    ...(part === 0 ? {} : { part }),
    ...(ts === undefined ? {} : { ts }),
    ...(sourceId === undefined ? {} : { id: sourceId.slice(0, LIMITS.idChars) }),
    ...(Object.keys(kept).length === 0 ? {} : { fields: kept }),
    ...(left.length === 0 ? {} : { cut: left }),
  };
  const said = {
    ...facts,
    ...(longArgs ? { action: { ...facts.action, args: undefined } } : {}),
    ...(reason === undefined || longReason ? {} : { reason }),
    ...(payload === undefined || longPayload ? {} : { payload }),
  };
  const asserted = Object.keys(said).filter((name) => !OWN.has(name));
  const parsed = EventSchema.safeParse({
    ...said,
    id,
    quality: Object.fromEntries([...asserted, 'metadata.imported'].map((name) => [name, 'asserted'])),
    metadata: { ...draft.metadata, imported },
  });
  if (parsed.success) return { event: parsed.data, cut: left };
  const issue = parsed.error.issues[0];
  return { refused: `${issue?.path.join('.') || 'record'}: ${issue?.message ?? 'not as it should be'}` };
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** The largest go first, until the rest fits beside `taken` bytes of other metadata. */
function bounded(
  fields: JsonObject,
  taken: number,
): { readonly kept: JsonObject; readonly cut: readonly string[] } {
  const sized = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => ({
      name,
      value,
      bytes: Buffer.byteLength(JSON.stringify(name)) + Buffer.byteLength(JSON.stringify(value)) + 2,
    }));
  const cut = new Set<string>();
  let total = sized.reduce((sum, { bytes }) => sum + bytes, taken);
  for (const { name, bytes } of sized.toSorted((a, b) => b.bytes - a.bytes)) {
    if (total <= LIMITS.importFieldsBytes) break;
    total -= bytes;
    cut.add(name);
  }
  const kept = sized.filter(({ name }) => !cut.has(name)).map(({ name, value }) => [name, value] as const);
  const names = [...cut].map((name) => name.slice(0, NAME_CHARS)).slice(0, NAMES);
  return {
    kept: Object.fromEntries(kept),
    cut: cut.size > NAMES ? [...names, `and ${cut.size - NAMES} more`] : names,
  };
}

/** A record may have a thousand long members with long names; together these stay far below the bound of metadata. */
const NAMES = 12;
const NAME_CHARS = 48;
