/** What is left of the pairs, part by part: missing, open, or of a file that tells no end. */
import { type CompletenessFindings, LISTED, type Place } from './findings.ts';
import type { Pairs } from './pairs.ts';
import type { LeftBySource } from './sources.ts';

export interface LeftHooks {
  readonly onWithoutEnd?: (place: Place) => void;
  readonly onImported?: (place: Place) => void;
  readonly onOpen?: (place: Place) => void;
  readonly onRun?: (run: string, place: Place, open: boolean) => void;
}

type Told = Pick<
  CompletenessFindings,
  | 'without_end'
  | 'without_end_count'
  | 'runs_without_end'
  | 'runs_without_end_count'
  | 'imported_without_end'
  | 'imported_without_end_count'
  | 'open_actions'
  | 'open_runs'
  | 'open'
  | 'open_run_ids'
  | 'exact'
>;

export interface Left {
  add(part: Pairs, alive: (recorder: string) => boolean): void;
  told(): Told;
  readonly bySource: Omit<LeftBySource, 'steps_missing'>;
}

interface Run {
  readonly run: string;
  readonly place: Place;
}

export function foldLeft(hooks: LeftHooks): Left {
  const missing = lowest<Place>(({ index }) => index, hooks.onWithoutEnd);
  const imported = lowest<Place>(({ index }) => index, hooks.onImported);
  const open = lowest<Place>(({ index }) => index, hooks.onOpen);
  const runs = lowest<Run>(
    ({ place }) => place.index,
    ({ run, place }) => hooks.onRun?.(run, place, false),
  );
  const openRuns = lowest<Run>(
    ({ place }) => place.index,
    ({ run, place }) => hooks.onRun?.(run, place, true),
  );
  const bySource = {
    without_end: new Map<string, number>(),
    open_actions: new Map<string, number>(),
    runs_without_end: new Map<string, number>(),
    open_runs: new Map<string, number>(),
  };
  let overflow = 0;
  return {
    bySource,
    add(part, alive) {
      overflow += part.overflow();
      const actions = part.actions().map(({ index, id, type, recorder, imported: from }) => ({
        place: { index, id, type },
        of: from ? imported : alive(recorder) ? open : missing,
      }));
      for (const { source, recorder, imported: from } of part.actions())
        if (!from) count(alive(recorder) ? bySource.open_actions : bySource.without_end, source);
      for (const list of [imported, open, missing])
        list.add(actions.filter(({ of }) => of === list).map(({ place }) => place));
      const left = part.runs();
      imported.add(left.filter((run) => run.imported).map(({ place }) => place));
      const own = left.filter((run) => !run.imported);
      for (const { source, recorder } of own)
        count(alive(recorder) ? bySource.open_runs : bySource.runs_without_end, source);
      openRuns.add(own.filter(({ recorder }) => alive(recorder)));
      runs.add(own.filter(({ recorder }) => !alive(recorder)));
    },
    told: () => ({
      without_end: missing.some(),
      without_end_count: missing.count(),
      runs_without_end: runs.some().map(({ run }) => run),
      runs_without_end_count: runs.count(),
      imported_without_end: imported.some(),
      imported_without_end_count: imported.count(),
      open_actions: open.count(),
      open_runs: openRuns.count(),
      open: open.some(),
      open_run_ids: openRuns.some().map(({ run }) => run),
      exact: overflow === 0,
    }),
  };
}

function count(counts: Map<string, number>, of: string): void {
  counts.set(of, (counts.get(of) ?? 0) + 1);
}

/** The first ones in the order of the log, whatever the order in which parts of it come; and how many there are. */
function lowest<T>(indexOf: (one: T) => number, also?: (one: T) => void) {
  let some: readonly T[] = [];
  let count = 0;
  return {
    add(more: readonly T[]): void {
      count += more.length;
      if (also !== undefined) more.forEach(also);
      some = [...some, ...more].sort((a, b) => indexOf(a) - indexOf(b)).slice(0, LISTED);
    },
    some: () => some,
    count: () => count,
  };
}
