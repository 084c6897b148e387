/**
 * How far the rules have looked, and what they knew there. Derived: without it the log is read again from where alerts
 * began, and everything that was raised is found to have been raised.
 */
import { z } from 'zod';
import { type AlertEngine, createAlertEngine, type SavedEngine } from '../../core/alert/engine.ts';
import type { Raised } from '../../core/alert/event.ts';
import { SEVERITIES } from '../../core/alert/rule.ts';
import { isTallyError } from '../../core/error.ts';
import { sha256Hex } from '../../core/hash.ts';
import type { LogReader, ObjectStore } from '../../core/ports.ts';
import { packageVersion } from '../../version.ts';
import { type LogPlace, logLines } from './lines.ts';

const NAME = 'cursor.json';

const at = z.int().nonnegative();
const PlaceSchema = z.strictObject({ first: at, offset: at, index: at });
/** Another one may keep something else. */
const VERSION = packageVersion();

const CursorSchema = z.strictObject({
  format: z.literal(1),
  /** Another version knows its rules in another way. */
  version: z.literal(VERSION),
  place: PlaceSchema,
  /** In front of the last entry that was looked at, and the hash of its line: another log is not gone on with. */
  last: z.strictObject({ place: PlaceSchema, sha256: z.string() }),
  engine: z.unknown(),
  open: z.array(z.looseObject({ id: z.string(), index: z.number(), severity: z.enum(SEVERITIES) })),
  /** Milliseconds since the epoch: when the log was last verified from beginning to end. */
  verified: z.number().optional(),
});

export interface Cursor {
  readonly place: LogPlace;
  readonly last: { readonly place: LogPlace; readonly sha256: string };
  readonly engine: SavedEngine;
  readonly open: readonly Raised[];
  readonly verified?: number;
}

/** undefined when there is none, when it is damaged, of another version, or of another log. */
export async function loadCursor(
  objects: Pick<ObjectStore, 'get'>,
  reader: LogReader,
): Promise<Cursor | undefined> {
  const bytes = await objects.get(NAME);
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString('utf8');
  const end = text.indexOf('\n');
  // Its parts are believed as they are: they have to be what was written.
  if (sha256Hex(text.slice(end + 1)) !== text.slice(0, end)) return undefined;
  const parsed = CursorSchema.safeParse(jsonIn(text.slice(end + 1)));
  if (!parsed.success) return undefined;
  const { place, last, engine, open, verified } = parsed.data;
  const cursor = {
    place,
    last,
    engine: engine as SavedEngine,
    open: open as unknown as readonly Raised[],
    ...(verified === undefined ? {} : { verified }),
  };
  return (await isOf(reader, cursor)) ? cursor : undefined;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function isOf(reader: LogReader, { last, place }: Cursor): Promise<boolean> {
  if (place.index !== last.place.index + 1) return false;
  const segments = await reader.segments();
  if (!segments.some(({ first }) => first === last.place.first)) return false;
  try {
    for await (const [found] of logLines(reader, last.place, place.index))
      return found !== undefined && sha256Hex(found.line) === last.sha256;
  } catch (error) {
    // A segment that cannot be read there is not the one that was read.
    if (!isTallyError(error)) throw error;
  }
  return false;
}

export async function saveCursor(objects: Pick<ObjectStore, 'put'>, cursor: Cursor): Promise<void> {
  const text = JSON.stringify({ format: 1, version: VERSION, ...cursor });
  await objects.put(NAME, Buffer.from(`${sha256Hex(text)}\n${text}`), { durable: false });
}

/** The engine that goes on there; undefined when what it knew is not what an engine knows. */
export function engineOf({ engine }: Cursor): AlertEngine | undefined {
  try {
    return createAlertEngine(engine.rules, engine);
  } catch {
    return undefined;
  }
}
