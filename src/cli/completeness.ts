/** Judging the completeness of a log from its files: once more where it does not fit, and one list of it in full. */
import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import {
  type CompletenessHooks,
  type CompletenessJudge,
  judgeCompleteness,
} from '../core/query/completeness.ts';
import { parseLine } from '../core/query/line.ts';
import { createLineSplitter, type LineSplitter } from '../core/query/lines.ts';

type Blocks = () => AsyncIterable<Uint8Array>;

/** What is no entry is for the verifier to tell. */
function entrySplitter(see: (entry: JsonObject) => void): LineSplitter {
  return createLineSplitter(LIMITS.entryBytes, (line) => {
    const parsed = parseLine(line);
    if ('entry' in parsed) see(parsed.entry);
  });
}

/** Reads the log again, as often as more is open in it than fits. */
export async function seeAgain(
  judge: CompletenessJudge,
  blocks: Blocks,
  alive: boolean | undefined,
): Promise<void> {
  for (const see of judge.further(alive)) {
    const splitter = entrySplitter(see);
    for await (const block of blocks()) splitter.push(block);
  }
}

// biome-ignore format: a list
export const COMPLETENESS_LISTS = [
  'actions', 'runs', 'steps', 'imported', 'secrets', 'unrecorded', 'holes', 'gaps', 'crashes', 'stops', 'open', 'failing',
] as const;
export type CompletenessList = (typeof COMPLETENESS_LISTS)[number];

export interface ListOptions {
  /** Index of the first entry that is there. */
  readonly first: number;
  readonly alive: boolean | undefined;
}

/**
 * Every particular of one kind. Those of the entries come as they are found; what lacks an end comes when all of the log
 * was seen, in the order of the log as far as it fitted into one reading.
 */
export async function* listCompleteness(
  list: CompletenessList,
  blocks: Blocks,
  { first, alive }: ListOptions,
): AsyncGenerator<object> {
  let found: object[] = [];
  const judge = judgeCompleteness({ first, ...hooksFor(list, (one) => found.push(one)) });

  function* drain(): Generator<object> {
    const taken = found;
    found = [];
    yield* taken;
  }

  async function* reading(see: (entry: JsonObject) => void): AsyncGenerator<object> {
    const splitter = entrySplitter(see);
    for await (const block of blocks()) {
      splitter.push(block);
      yield* drain();
    }
  }

  yield* reading(judge.see);
  for (const see of judge.further(alive)) yield* reading(see);
  const { failing } = judge.finish(alive);
  yield* drain();
  if (list === 'failing') yield* failing;
}

function hooksFor(list: CompletenessList, add: (one: object) => void): CompletenessHooks {
  switch (list) {
    case 'actions':
      return { onWithoutEnd: add };
    case 'runs':
      return { onRun: (run_id, { index }, open) => open || add({ run_id, index }) };
    case 'steps':
      return { onSteps: add };
    case 'imported':
      return { onImported: add };
    case 'secrets':
      return { onSecret: add };
    case 'unrecorded':
      return { onUnrecorded: add };
    case 'holes':
      return { onHole: add };
    case 'gaps':
      return { onGap: (index) => add({ index }) };
    case 'crashes':
      return { onDowntime: (downtime, clean) => clean || add(downtime) };
    case 'stops':
      return { onDowntime: (downtime, clean) => clean && add(downtime) };
    case 'open':
      return { onOpen: add, onRun: (run_id, { index }, open) => open && add({ run_id, index }) };
    case 'failing':
      return {};
  }
}
