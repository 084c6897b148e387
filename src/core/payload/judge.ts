/**
 * Whether the payloads that a log cites are the ones it cited, told from the bytes of the packs alone: no key is needed.
 * A blob that is gone or altered is tampering unless a later `log.erase` names its key.
 *
 * The writer puts blobs one after the other, in the order of their entries. That is required here too: entries that cite
 * one blob over and over would otherwise make a small log cost any amount of hashing.
 */
import type { JsonObject } from '../json.ts';
import { LIMITS } from '../limits.ts';
import { numberAt } from '../query/fields.ts';
import { erasedKeys } from '../retention/erase-entry.ts';
import { type Citation, citationOf } from './citation.ts';

export interface PayloadsVerdict {
  /** `neutral`: the packs are not here. `incomplete`: more is wrong than could be held against the erasures. */
  readonly status: 'pass' | 'fail' | 'incomplete' | 'neutral';
  /** Entries that cite a payload. */
  readonly cited: number;
  /** Of them, those whose bytes have the hash in the entry. */
  readonly checked: number;
  /** Not there, although no `log.erase` names their key; the first such entries by index. */
  readonly missing: readonly number[];
  readonly missing_count: number;
  /** There, but not what was cited. */
  readonly altered: readonly number[];
  readonly altered_count: number;
  /** Missing or altered, with a key that the log says was erased. */
  readonly erased: number;
  /** Bytes of the packs that no entry cites: what a crash left, or a tail that was set aside. */
  readonly unreferenced_bytes: number;
  readonly note?: string;
}

/** What lies where a blob is cited. */
export type Found = 'intact' | 'missing' | 'altered';

export interface PayloadJudge {
  /** Entries that may cite a payload, each once, in the order of the log. */
  cite(entry: JsonObject): void;
  /** Entries that may be a `log.erase`. */
  erase(entry: JsonObject): void;
  /** `signed`: only a `log.erase` below this index counts. Behind it, whoever can write the file could have added one. */
  judge(packBytes: number, signed: number): PayloadsVerdict;
}

interface Suspect {
  readonly missing: number[];
  readonly altered: number[];
  missingCount: number;
  alteredCount: number;
  /** Index of the last entry that cites it. */
  last: number;
}

const NAMED = 20;

/** Reads and hashes one blob. It is asked for each part of a pack at most once, in the order of the pack. */
export type Look = (citation: Citation) => Found;

/** Without `look` the packs are not here: what cites a payload is counted, and nothing is said of it. */
export function judgePayloads(look: Look | undefined): PayloadJudge {
  const suspects = new Map<string, Suspect>();
  const erasedAt = new Map<string, number>();
  let pack = -1;
  let end = 0;
  let cited = 0;
  let checked = 0;
  let citedBytes = 0;
  let untold = 0;

  function inOrder(citation: Citation): boolean {
    if (citation.pack < pack || (citation.pack === pack && citation.offset < end)) return false;
    pack = citation.pack;
    end = citation.offset + citation.length;
    return true;
  }

  function suspect(keyId: string, index: number, found: 'missing' | 'altered'): void {
    let known = suspects.get(keyId);
    if (known === undefined) {
      if (suspects.size >= LIMITS.suspectKeys) {
        untold++;
        return;
      }
      known = { missing: [], altered: [], missingCount: 0, alteredCount: 0, last: index };
      suspects.set(keyId, known);
    }
    if (known[found].length < NAMED) known[found].push(index);
    if (found === 'missing') known.missingCount++;
    else known.alteredCount++;
    known.last = Math.max(known.last, index);
  }

  function cite(entry: JsonObject): void {
    const citation = citationOf(entry);
    if (citation === 'none') return;
    cited++;
    if (look === undefined) return;
    const index = numberAt(entry, 'index') ?? -1;
    // No key is named for what can be no payload of this writer: no erasure explains it.
    if (citation === 'malformed') {
      suspect('', index, 'altered');
      return;
    }
    const ordered = inOrder(citation);
    const found = ordered ? look(citation) : 'altered';
    if (found === 'intact') checked++;
    else suspect(citation.key_id, index, found);
    if (ordered && found !== 'missing') citedBytes += citation.length;
  }

  return {
    cite,
    erase(entry) {
      const index = numberAt(entry, 'index');
      if (index === undefined) return;
      for (const keyId of erasedKeys(entry)) if (!erasedAt.has(keyId)) erasedAt.set(keyId, index);
    },
    judge(packBytes, signed) {
      let erased = 0;
      const left: Suspect[] = [];
      for (const [keyId, found] of suspects) {
        const at = erasedAt.get(keyId);
        if (at !== undefined && at < signed && at > found.last)
          erased += found.missingCount + found.alteredCount;
        else left.push(found);
      }
      const missing_count = sum(left, ({ missingCount }) => missingCount);
      const altered_count = sum(left, ({ alteredCount }) => alteredCount);
      const fails = missing_count + altered_count > 0;
      const note =
        look === undefined && cited > 0
          ? 'the packs are not here'
          : untold > 0
            ? `${untold} more payloads do not check: too many keys to hold against log.erase`
            : undefined;
      return {
        status:
          look === undefined && cited > 0 ? 'neutral' : fails ? 'fail' : untold > 0 ? 'incomplete' : 'pass',
        cited,
        checked,
        missing: firstOf(left.flatMap(({ missing }) => missing)),
        missing_count,
        altered: firstOf(left.flatMap(({ altered }) => altered)),
        altered_count,
        erased,
        unreferenced_bytes: Math.max(0, packBytes - citedBytes),
        ...(note === undefined ? {} : { note }),
      };
    },
  };
}

function firstOf(indexes: readonly number[]): readonly number[] {
  return indexes.toSorted((a, b) => a - b).slice(0, NAMED);
}

function sum(suspects: readonly Suspect[], count: (suspect: Suspect) => number): number {
  return suspects.reduce((total, item) => total + count(item), 0);
}
