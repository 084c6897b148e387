/**
 * The same by where entries came in, and by the agent they are about: how much each source told, how much of that was
 * held or seen by the recorder and how much is its own word, and what of it has no end. A source that is silent shows
 * too: it is not there.
 */
import type { Assurance } from '../../entry.ts';
import type { JsonObject } from '../../json.ts';
import { LIMITS } from '../../limits.ts';
import { textAt } from '../fields.ts';
import type { SourceCounts, SourceFindings, SourceLabel } from './findings.ts';

export interface Sources {
  see(entry: JsonObject, imported: boolean): void;
  told(left: LeftBySource): readonly SourceFindings[];
}

/** What lacks an end, and what is missing, by the key of its source. */
export interface LeftBySource {
  readonly without_end: ReadonlyMap<string, number>;
  readonly open_actions: ReadonlyMap<string, number>;
  readonly runs_without_end: ReadonlyMap<string, number>;
  readonly open_runs: ReadonlyMap<string, number>;
  readonly steps_missing: ReadonlyMap<string, number>;
}

const LEFT = ['without_end', 'open_actions', 'runs_without_end', 'open_runs', 'steps_missing'] as const;

interface Counts {
  readonly surface: string;
  readonly agent: string | undefined;
  entries: number;
  enforced: number;
  observed: number;
  self_reported: number;
  unknown_ends: number;
  gaps: number;
  last: string | undefined;
}

const OTHERS = 'others';
/** No name has it in it: entries are text without control characters where it matters, and a clash only adds up. */
const BETWEEN = '\n';

/** One text for a surface and an agent. */
export function sourceKey(entry: JsonObject): string {
  const surface = textAt(entry, 'source', 'surface') ?? OTHERS;
  const agent = textAt(entry, 'actor', 'agent_id');
  return agent === undefined ? surface : `${surface}${BETWEEN}${agent}`;
}

export function watchSources(): Sources {
  const all = new Map<string, Counts>();
  const surfaces = new Set<string>();

  /** What is beyond so many different words is one. */
  function keyOf(surface: string, agent: string | undefined): readonly [string, string, string | undefined] {
    const known = surfaces.has(surface) || surfaces.size < LIMITS.sourcesTold ? surface : OTHERS;
    surfaces.add(known);
    if (agent === undefined) return [known, known, undefined];
    const key = `${known}${BETWEEN}${agent}`;
    if (all.has(key) || all.size < LIMITS.sourceAgentsTold) return [key, known, agent];
    return [`${known}${BETWEEN}${OTHERS}`, known, OTHERS];
  }

  function of(surface: string, agent: string | undefined): Counts {
    const [key, known, name] = keyOf(surface, agent);
    const before = all.get(key);
    if (before !== undefined) return before;
    const made: Counts = {
      surface: known,
      agent: name,
      entries: 0,
      enforced: 0,
      observed: 0,
      self_reported: 0,
      unknown_ends: 0,
      gaps: 0,
      last: undefined,
    };
    all.set(key, made);
    return made;
  }

  return {
    see(entry, imported) {
      // Another program's records tell nothing of how complete ours are.
      if (imported) return;
      const counts = of(textAt(entry, 'source', 'surface') ?? OTHERS, textAt(entry, 'actor', 'agent_id'));
      counts.entries++;
      const assurance = textAt(entry, 'source', 'assurance');
      if (assurance === 'enforced' || assurance === 'observed' || assurance === 'self_reported')
        counts[assurance]++;
      if (textAt(entry, 'phase') === 'post_exec' && textAt(entry, 'outcome', 'status') === 'unknown')
        counts.unknown_ends++;
      // A gap is of the source that could not be recorded, whoever told of it.
      if (textAt(entry, 'type') === 'log.gap')
        of(textAt(entry, 'metadata', 'surface') ?? 'server', undefined).gaps++;
      counts.last = textAt(entry, 'ts') ?? counts.last;
    },
    told(left) {
      const by = folded(left, all);
      const agents = [...all].map(([key, counts]) => toldOf(key, counts, by));
      return [...surfaces].flatMap((surface) => {
        const own = agents.filter((one) => one.surface === surface);
        if (own.length === 0) return [];
        const { surface: _surface, agent: _agent, ...sum } = own.reduce(added);
        const named = own.flatMap(({ surface: _of, agent, ...counts }) =>
          agent === undefined ? [] : [{ agent, ...labelled(counts) }],
        );
        return [{ surface, ...labelled(sum), agents: named }];
      });
    },
  };
}

type Told = SourceCounts & { readonly surface: string; readonly agent: string | undefined };

function toldOf(key: string, counts: Counts, left: LeftBySource): Told {
  const { surface, agent, last, ...rest } = counts;
  const missing = Object.fromEntries(LEFT.map((name) => [name, left[name].get(key) ?? 0])) as Record<
    (typeof LEFT)[number],
    number
  >;
  return { surface, agent, ...rest, ...missing, ...(last === undefined ? {} : { last }) };
}

/** What is of agents that were not told apart is of the others. */
function folded(left: LeftBySource, known: ReadonlyMap<string, unknown>): LeftBySource {
  const fold = (by: ReadonlyMap<string, number>): ReadonlyMap<string, number> => {
    const out = new Map<string, number>();
    for (const [key, count] of by) {
      const [surface = OTHERS] = key.split(BETWEEN, 1);
      const place = known.has(key) ? key : `${surface}${BETWEEN}${OTHERS}`;
      out.set(place, (out.get(place) ?? 0) + count);
    }
    return out;
  };
  return Object.fromEntries(LEFT.map((name) => [name, fold(left[name])])) as unknown as LeftBySource;
}

function added(a: Told, b: Told): Told {
  const last = [a.last, b.last]
    .filter((ts) => ts !== undefined)
    .sort()
    .at(-1);
  const numbers = Object.entries(b).map(([name, value]) => {
    const before = a[name as keyof Told];
    return [name, typeof value === 'number' && typeof before === 'number' ? value + before : before];
  });
  return { ...a, ...(Object.fromEntries(numbers) as Told), ...(last === undefined ? {} : { last }) };
}

function labelled<T extends SourceCounts>(counts: T): T & { label: SourceLabel; complete: boolean } {
  const kinds = (['enforced', 'observed', 'self_reported'] as const).filter((kind) => counts[kind] > 0);
  const [only, ...more] = kinds;
  const label: SourceLabel = only === undefined || more.length > 0 ? 'mixed' : (only satisfies Assurance);
  const { without_end, runs_without_end, steps_missing, gaps } = counts;
  return { ...counts, label, complete: without_end + runs_without_end + steps_missing + gaps === 0 };
}
