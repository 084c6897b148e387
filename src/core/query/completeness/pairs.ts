/**
 * What began and did not end, exactly and in bounded memory. Nearly always few actions are open at once. Where they are
 * more than fit, only those are kept whose id falls into one of several parts, and the log is read once for each part.
 */
import type { JsonObject } from '../../json.ts';
import { LIMITS } from '../../limits.ts';
import { isEnforced, isImported, isSelfReported } from '../assurance.ts';
import { numberAt, textAt } from '../fields.ts';
import type { Place } from './findings.ts';
import { sourceKey } from './sources.ts';

/** Ids whose hash leaves `at` when divided by `of`. */
export interface Part {
  readonly of: number;
  readonly at: number;
}

export interface LeftAction extends Place {
  readonly recorder: string;
  /** Of `sourceKey`. */
  readonly source: string;
  readonly enforced: boolean;
  readonly imported: boolean;
}

export interface LeftRun {
  readonly run: string;
  readonly place: Place;
  readonly recorder: string;
  /** Of `sourceKey`. */
  readonly source: string;
  readonly imported: boolean;
}

export interface Pairs {
  see(entry: JsonObject): void;
  /** In the order of the log. */
  actions(): readonly LeftAction[];
  runs(): readonly LeftRun[];
  /** Into how many parts the ids fell; this is the first, or the one that was asked for. */
  readonly parts: () => number;
  /** Beginnings that had no room in their part: whether they ended is not known. */
  readonly overflow: () => number;
}

export interface PairsOptions {
  /** A part of a log that was read before. Absent: all, or as much of it as there is room for. */
  readonly part?: Part;
  /** Tests shorten it. */
  readonly room?: number;
}

export function watchPairs({ part, room = LIMITS.openTold }: PairsOptions = {}): Pairs {
  const actions = new Map<string, LeftAction>();
  const runs = new Map<string, LeftRun>();
  let of = part?.of ?? 1;
  const at = part?.at ?? 0;
  // Parts are not all of one size, and a later one cannot be cut any more.
  const most = part === undefined ? room : 4 * room;
  let overflow = 0;
  let shared = '';
  const sources = new Map<string, string>();

  const mine = (name: string): boolean => of === 1 || hashOf(name) % of === at;

  function makeRoom(): void {
    while (actions.size + runs.size > most) {
      if (part !== undefined || of >= LIMITS.openParts) {
        overflow++;
        const kept = actions.size > 0 ? actions : runs;
        const [oldest] = kept.keys();
        if (oldest !== undefined) kept.delete(oldest);
        return;
      }
      of *= 2;
      for (const name of actions.keys()) if (!mine(name)) actions.delete(name);
      for (const name of runs.keys()) if (!mine(name.replace(/^told /, ''))) runs.delete(name);
    }
  }

  /** One text for all entries of a recorder: a copy in each would be most of the memory. */
  function share(recorder: string): string {
    if (recorder !== shared) shared = recorder;
    return shared;
  }

  /** One text for all entries of a source, likewise. */
  function sourceOf(entry: JsonObject): string {
    const key = sourceKey(entry);
    const known = sources.get(key);
    if (known !== undefined) return known;
    if (sources.size < LIMITS.sourceAgentsTold) sources.set(key, key);
    return key;
  }

  function seeAction(entry: JsonObject, phase: string | undefined, imported: boolean): void {
    const name = textAt(entry, phase === 'pre_exec' ? 'id' : 'parent_id') ?? '';
    if (!mine(name)) return;
    if (phase === 'pre_exec') {
      actions.set(name, {
        ...placeOf(entry),
        recorder: share(textAt(entry, 'source', 'recorder_id') ?? ''),
        source: sourceOf(entry),
        enforced: isEnforced(entry),
        imported,
      });
      makeRoom();
      return;
    }
    const begun = actions.get(name);
    // A forged end of what the broker did must not hide that its own end is missing, nor a file's end any of ours.
    if (begun === undefined || (imported && !begun.imported)) return;
    if (!begun.enforced || !isSelfReported(entry)) actions.delete(name);
  }

  /**
   * Runs of this machine begin and end by its recorder's word; those that a program started by itself, by the program's.
   * What a program says ends none that the recorder began.
   */
  function seeRun(entry: JsonObject, run: string, imported: boolean): void {
    const type = textAt(entry, 'type');
    const told = !imported && isSelfReported(entry) && (type === 'run.start' || type === 'run.end');
    const own = imported ? `imported ${run}` : run;
    const name = told || (!imported && runs.has(`told ${run}`) && !runs.has(own)) ? `told ${run}` : own;
    // One part holds both.
    if (!mine(own)) return;
    const begun = runs.get(name);
    if (type === 'run.end') {
      runs.delete(name);
      return;
    }
    if (type !== 'run.start' && begun === undefined) return;
    const recorder = share(textAt(entry, 'source', 'recorder_id') ?? '');
    if (begun?.recorder === recorder) return;
    const source = begun?.source ?? sourceOf(entry);
    runs.set(name, { run, place: begun?.place ?? placeOf(entry), recorder, source, imported });
    makeRoom();
  }

  return {
    see(entry) {
      const phase = textAt(entry, 'phase');
      const run = textAt(entry, 'run_id');
      const imported = isImported(entry);
      if (phase === 'pre_exec' || phase === 'post_exec') seeAction(entry, phase, imported);
      if (run !== undefined) seeRun(entry, run, imported);
    },
    actions: () => [...actions.values()].sort((a, b) => a.index - b.index),
    runs: () => [...runs.values()].sort((a, b) => a.place.index - b.place.index),
    parts: () => of,
    overflow: () => overflow,
  };
}

export function placeOf(entry: JsonObject): Place {
  return {
    index: numberAt(entry, 'index') ?? -1,
    id: textAt(entry, 'id') ?? '',
    type: textAt(entry, 'type') ?? '',
  };
}

/** FNV-1a, 32 bits. Whoever makes ids that all fall into one part gains an answer that says it is not exact. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
