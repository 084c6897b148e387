/** What was learned, kept as files. A read model: whatever is wrong with one, it is learned again. */
import { join } from 'node:path';
import type { Day, Model } from '../../../core/baseline/model.ts';
import { isWhole } from '../../../core/baseline/read.ts';
import { parseModel, serializeModel } from '../../../core/baseline/stored.ts';
import { decodeUtf8, encodeUtf8 } from '../../../core/bytes.ts';
import { isTallyError } from '../../../core/error.ts';
import { sha256Hex } from '../../../core/hash.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { OpenedQuery } from '../../../open/query.ts';
import { fileObjects } from '../../../store/file/objects.ts';
import { safe } from '../../output/safe.ts';

const NAME_CHARS = 32;

/** Ids may hold anything; a hash is a file name anywhere. */
function fileOf({ opened }: OpenedQuery, agent: string): string {
  return `${sha256Hex(`${opened.name}\n${agent}`).slice(0, NAME_CHARS)}.json`;
}

/** Empty when there is none; with a warning when there is one that is none. */
export async function keptDays(
  state: string,
  opened: OpenedQuery,
  agent: string,
  warn: (line: string) => void,
): Promise<readonly Day[]> {
  const again = (why: string): readonly Day[] => {
    warn(`the stored baseline of ${safe(agent)} is ${why}: learned again`);
    return [];
  };
  let bytes: Uint8Array | undefined;
  try {
    bytes = await fileObjects(join(state, 'baselines')).get(fileOf(opened, agent));
  } catch (error) {
    if (isTallyError(error)) return again(`not readable (${error.message})`);
    throw error;
  }
  if (bytes === undefined) return [];
  const text = decodeUtf8(bytes);
  const parsed = text === undefined ? { why: 'not UTF-8' } : parseModel(text);
  if ('why' in parsed) return again(`no baseline (${parsed.why})`);
  const { model, reflects } = parsed;
  if (model.agent !== agent || reflects.log !== opened.opened.name) return again('of another agent or log');
  if (reflects.size > opened.query.size)
    return again(`of a longer log (${reflects.size} entries, now ${opened.query.size})`);
  return model.days;
}

/** Days that are over, also those of `known` that this window leaves out. A disk that takes no file is told, and no failure. */
export async function keepModel(
  state: string,
  opened: OpenedQuery,
  model: Model,
  known: readonly Day[],
  warn: (line: string) => void,
): Promise<void> {
  const days = new Map(known.map((day) => [day.day, day]));
  for (const day of model.days) if (isWhole(day.day, model)) days.set(day.day, day);
  const newest = [...days.values()].sort((a, b) => (a.day < b.day ? -1 : 1)).slice(-LIMITS.baselineDays);
  const reflects = { log: opened.opened.name, size: opened.query.size };
  const bytes = encodeUtf8(serializeModel({ ...model, days: newest }, reflects));
  if (bytes.length > LIMITS.baselineFileBytes) {
    warn(
      `the baseline of ${safe(model.agent)} is too large to keep (${bytes.length} bytes): it is learned each time`,
    );
    return;
  }
  try {
    // Made again when it is lost: not worth a flush.
    await fileObjects(join(state, 'baselines')).put(fileOf(opened, model.agent), bytes, { durable: false });
  } catch (error) {
    if (!isTallyError(error)) throw error;
    warn(`the baseline of ${safe(model.agent)} was not kept: ${error.message}`);
  }
}
