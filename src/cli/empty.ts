/** Why a question has an empty answer: a misspelt name, a time without entries, or filters that exclude each other. */
import { LIMITS } from '../core/limits.ts';
import type { LogFilter } from '../core/query/filter.ts';
import type { Dimension, Query } from '../core/query/port.ts';
import { quoted } from './command-line.ts';
import { grouped } from './output/progress.ts';
import { safe } from './output/safe.ts';

interface Named {
  readonly flag: string;
  /** As people call it. */
  readonly word: string;
  readonly dimension?: Dimension;
}

const NAMED: Readonly<Partial<Record<keyof LogFilter, Named>>> = {
  agent: { flag: '--agent', word: 'agent', dimension: 'agent' },
  token: { flag: '--token', word: 'token' },
  identity: { flag: '--identity', word: 'identity level', dimension: 'identity' },
  credential: { flag: '--credential', word: 'credential', dimension: 'credential' },
  run: { flag: '--run', word: 'run', dimension: 'run' },
  step: { flag: '--step', word: 'step' },
  session: { flag: '--session', word: 'session' },
  tenant: { flag: '--tenant', word: 'tenant' },
  user: { flag: '--user', word: 'user', dimension: 'user' },
  onBehalfOf: { flag: '--on-behalf-of', word: 'call on behalf of' },
  tool: { flag: '--tool', word: 'tool', dimension: 'tool' },
  action: { flag: '--action', word: 'action' },
  surface: { flag: '--surface', word: 'entry of the surface' },
  project: { flag: '--project', word: 'project', dimension: 'project' },
  environment: { flag: '--env', word: 'environment', dimension: 'environment' },
  host: { flag: '--host', word: 'host', dimension: 'host' },
  method: { flag: '--method', word: 'method', dimension: 'method' },
  status: { flag: '--status', word: 'status', dimension: 'status' },
  decision: { flag: '--decision', word: 'decision', dimension: 'decision' },
  reasonCode: { flag: '--reason', word: 'reason', dimension: 'reasonCode' },
  layer: { flag: '--layer', word: 'layer', dimension: 'layer' },
};

/** Hints of one line each, for a terminal; none when there is nothing to say. */
export async function explainEmpty(query: Query, filter: LogFilter): Promise<readonly string[]> {
  const names = Object.keys(NAMED).filter((name) => Object.hasOwn(filter, name)) as (keyof LogFilter)[];
  const hints: string[] = [];
  const alone: string[] = [];
  for (const name of names) {
    const named = NAMED[name];
    if (named === undefined) continue;
    const value = String(filter[name]);
    const count = await query.count({ [name]: filter[name] });
    if (count === 0) hints.push(await unknown(query, named, value));
    else alone.push(`${named.flag} ${safe(quoted(value))} has ${grouped(count)}`);
  }
  if (filter.types !== undefined) hints.push(...(await unknownTypes(query, filter.types)));
  if (hints.length > 0) return hints;
  const { since, until, ...timeless } = filter;
  if (since !== undefined || until !== undefined) {
    const elsewhen = await query.count(timeless);
    if (elsewhen > 0) return [`at other times ${grouped(elsewhen)} match: widen --since and --until`];
  }
  return alone.length > 1 ? [`each alone is in the log, together nothing is: ${alone.join(', ')}`] : [];
}

async function unknown(query: Query, { flag, word, dimension }: Named, value: string): Promise<string> {
  const none = `no ${word} ${safe(value)} in this log`;
  const meant = dimension === undefined ? undefined : await similarValue(query, dimension, value);
  return meant === undefined ? none : `${none}; did you mean ${flag} ${safe(quoted(meant))}?`;
}

/** The most frequent values are compared, `LIMITS.suggestedValues` of them. */
export async function similarValue(
  query: Query,
  dimension: Dimension,
  value: string,
): Promise<string | undefined> {
  const { didYouMean } = await import('../core/policy/suggest.ts');
  const { by } = await query.summary({}, [dimension], LIMITS.suggestedValues);
  return didYouMean(value, by[dimension]?.values.map((each) => each.value) ?? []);
}

/** Types are loaded only now: their schema is large. */
async function unknownTypes(query: Query, types: readonly string[]): Promise<readonly string[]> {
  const { ENTRY_TYPES } = await import('../core/entry.ts');
  const { didYouMean } = await import('../core/policy/suggest.ts');
  const families = ENTRY_TYPES.map((type) => type.split('.')[0] ?? type);
  const known = new Set<string>([...ENTRY_TYPES, ...families]);
  const hints: string[] = [];
  for (const type of types) {
    if ((await query.count({ types: [type] })) > 0) continue;
    const bare = type.replace(/\.\*$/, '');
    const meant = known.has(bare) ? undefined : didYouMean(bare, known);
    if (meant !== undefined) hints.push(`did you mean --type ${meant}?`);
    else hints.push(`no entry of the type ${safe(type)} in this log`);
  }
  return hints;
}
