/** What is looked at while entries pass by on their way to the verifier, which reads the log once. */

import type { JsonObject } from '../core/json.ts';
import { LIMITS } from '../core/limits.ts';
import { judgePayloads, type Look, type PayloadJudge } from '../core/payload/judge.ts';
import { ANCHOR_OK, type AnchorWatch, watchAnchors } from '../core/query/anchored.ts';
import { type CompletenessJudge, judgeCompleteness } from '../core/query/completeness.ts';
import { parseLine } from '../core/query/line.ts';
import { createMentionFinder } from '../core/query/mentions.ts';
import { type OpeningWatch, watchOpenings } from '../core/query/openings.ts';
import { type RecoveryWatch, watchRecovery } from '../core/query/recovery.ts';
import { type RotationWatch, watchRotations } from '../core/query/rotations.ts';
import { type SnapshotWatch, watchSnapshots } from '../core/query/snapshots.ts';
import { foldPrunes, LOG_PRUNE, type PruneFold, readPrune } from '../core/retention/prune-entry.ts';
import { KEY_ROTATE } from '../core/tlog/key-history.ts';
import { createLineSplitter } from '../core/tlog/verify-lines.ts';

export interface Taps {
  readonly openings: OpeningWatch;
  readonly recovery: RecoveryWatch;
  readonly snapshots: SnapshotWatch;
  readonly payloads: PayloadJudge;
  readonly rotations: RotationWatch;
  readonly anchors: AnchorWatch;
  readonly prunes: PruneFold;
  /** Only when completeness was asked for: it parses every entry. */
  readonly judge: CompletenessJudge | undefined;
  /** Before the verifier gets the block, which it may overwrite. */
  push(block: Uint8Array): void;
  /** Instead of `push`: the lines that `shownLines` tells of, in the order of the log. Others may be among them. */
  line(line: Uint8Array): void;
}

/** Which lines a tap has to see. */
export function shownLines(deep: boolean): {
  readonly every: boolean;
  readonly types: readonly string[];
  readonly payloads: boolean;
} {
  const types = [...WATCHED_TYPES, ERASE, KEY_ROTATE, ANCHOR_OK, LOG_PRUNE];
  return { every: deep, types, payloads: true };
}

const WATCHED_TYPES = ['log.open', 'log.recover', 'policy.snapshot'] as const;
const ERASE = 'log.erase';

const typed = (type: string): Buffer => Buffer.from(`"type":"${type}"`);

/** `look` reads payloads where entries cite some; absent where there are no packs. `first`: where the entries begin. */
export function createTaps(deep: boolean, look?: Look, first = 0): Taps {
  const openings = watchOpenings();
  const recovery = watchRecovery();
  const snapshots = watchSnapshots();
  const payloads = judgePayloads(look);
  const rotations = watchRotations();
  const anchors = watchAnchors();
  const prunes = foldPrunes();
  const judge = deep ? judgeCompleteness({ first }) : undefined;
  const prune = (entry: JsonObject): void => {
    const note = readPrune(entry);
    if (note !== undefined) prunes.see(note);
  };

  type See = (entry: JsonObject) => void;

  const toEach =
    (...sees: readonly See[]) =>
    (line: Buffer): void => {
      const parsed = parseLine(line);
      if ('entry' in parsed) for (const see of sees) see(parsed.entry);
    };
  const watches = [openings.see, recovery.see, snapshots.see];
  const wanted: readonly (readonly [needle: Buffer, see: (line: Buffer) => void])[] = [
    ...WATCHED_TYPES.map((type) => [typed(type), toEach(...watches)] as const),
    [Buffer.from('"payload":{'), toEach(payloads.cite)],
    [typed(ERASE), toEach(payloads.erase)],
    [typed(KEY_ROTATE), toEach(rotations.see)],
    [typed(ANCHOR_OK), toEach(anchors.see)],
    [typed(LOG_PRUNE), toEach(prune)],
  ];
  const finders = wanted.map(([needle, see]) => createMentionFinder(needle, LIMITS.entryBytes, see));
  const all = toEach(
    ...watches,
    payloads.cite,
    payloads.erase,
    rotations.see,
    anchors.see,
    prune,
    ...(judge === undefined ? [] : [(entry: JsonObject) => judge.see(entry)]),
  );
  const splitter = createLineSplitter({
    line: (block, start, end) => all(Buffer.from(block.buffer, block.byteOffset + start, end - start)),
    // The verifier tells of it.
    tooLong: () => undefined,
  });
  return {
    openings,
    recovery,
    snapshots,
    payloads,
    rotations,
    anchors,
    prunes,
    judge,
    push(block) {
      if (deep) splitter.push(block);
      else for (const finder of finders) finder.push(block);
    },
    line(bytes) {
      const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      if (deep) all(line);
      else for (const [needle, see] of wanted) if (line.includes(needle)) see(line);
    },
  };
}
