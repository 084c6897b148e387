/**
 * The same by where entries came in: how much each source told, how much of that was held or seen by the recorder and
 * how much is its own word, and what of it has no end. A source that is silent shows too: it is not there.
 */
import type { JsonObject } from '../../json.ts';
import { LIMITS } from '../../limits.ts';
import { textAt } from '../fields.ts';
import type { SourceFindings } from './findings.ts';

export interface Sources {
  see(entry: JsonObject, imported: boolean): void;
  told(left: LeftBySource): readonly SourceFindings[];
}

/** Actions without an end, by source. */
export interface LeftBySource {
  readonly missing: ReadonlyMap<string, number>;
  readonly open: ReadonlyMap<string, number>;
}

interface Counts {
  entries: number;
  enforced: number;
  observed: number;
  self_reported: number;
  unknown_ends: number;
  gaps: number;
  last: string | undefined;
}

/** What is beyond `LIMITS.sourcesTold` different words is one. */
const OTHERS = 'others';

export function watchSources(): Sources {
  const sources = new Map<string, Counts>();

  function of(surface: string): Counts {
    const name = sources.has(surface) || sources.size < LIMITS.sourcesTold ? surface : OTHERS;
    const known = sources.get(name);
    if (known !== undefined) return known;
    const made: Counts = {
      entries: 0,
      enforced: 0,
      observed: 0,
      self_reported: 0,
      unknown_ends: 0,
      gaps: 0,
      last: undefined,
    };
    sources.set(name, made);
    return made;
  }

  return {
    see(entry, imported) {
      // Another program's records tell nothing of how complete ours are.
      if (imported) return;
      const counts = of(textAt(entry, 'source', 'surface') ?? OTHERS);
      counts.entries++;
      const assurance = textAt(entry, 'source', 'assurance');
      if (assurance === 'enforced' || assurance === 'observed' || assurance === 'self_reported')
        counts[assurance]++;
      if (textAt(entry, 'phase') === 'post_exec' && textAt(entry, 'outcome', 'status') === 'unknown')
        counts.unknown_ends++;
      // A gap is of the source that could not be recorded, whoever told of it.
      if (textAt(entry, 'type') === 'log.gap') of(textAt(entry, 'metadata', 'surface') ?? 'server').gaps++;
      counts.last = textAt(entry, 'ts') ?? counts.last;
    },
    told: ({ missing, open }) =>
      [...sources].map(([surface, { last, ...counts }]) => ({
        surface,
        ...counts,
        without_end: missing.get(surface) ?? 0,
        open_actions: open.get(surface) ?? 0,
        ...(last === undefined ? {} : { last }),
      })),
  };
}
