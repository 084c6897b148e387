/**
 * What `GET /v1/tail` is asked: filters by the names of `tally log list`, and where to begin. Strict: a parameter that is
 * not known, said twice, or has a value that means nothing is refused and never ignored, since a stream that shows too
 * much or nothing looks like any other.
 */
import { didYouMean } from '../policy/suggest.ts';
import { type LogFilter, STATUS_CLASSES, type StatusClass } from '../query/filter.ts';
import { DECISIONS, PHASES } from '../query/synonyms.ts';
import { wordsIn } from '../query/words.ts';

export interface LiveRequest {
  readonly filter: LogFilter;
  /** Whether anything is filtered at all. */
  readonly filtered: boolean;
  /** Equal for equal filters. */
  readonly key: string;
  /** The first entry wanted; absent: the next one that comes. */
  readonly from?: number;
  /** The log that the client believes to follow. */
  readonly log?: string;
}

export interface LiveRefusal {
  readonly message: string;
  readonly hint: string;
}

type Fields = { -readonly [K in keyof LogFilter]: LogFilter[K] };
/** Why the value is none; undefined when it was taken. */
type Take = (value: string, fields: Fields, nowMs: number) => string | undefined;

type TextField = {
  [K in keyof LogFilter]-?: string extends LogFilter[K] ? K : never;
}[keyof LogFilter];

const text =
  (name: TextField, change: (value: string) => string = (value) => value): Take =>
  (value, fields) => {
    fields[name] = change(value);
    return undefined;
  };

const flag =
  (name: 'failed' | 'blocked' | 'pending' | 'redacted'): Take =>
  (value, fields) => {
    if (!['', 'true', '1', 'false', '0'].includes(value)) return 'is true or false';
    if (value !== 'false' && value !== '0') fields[name] = true;
    return undefined;
  };

const word =
  (name: TextField, words: Readonly<Record<string, string>>): Take =>
  (value, fields) => {
    const meant = Object.hasOwn(words, value) ? words[value] : undefined;
    if (meant === undefined) return `is one of ${[...new Set(Object.values(words))].join(', ')}`;
    fields[name] = meant;
    return undefined;
  };

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** What depends on the time zone of whoever asks is not taken: the server does not know it. */
const moment =
  (name: 'since' | 'until'): Take =>
  (value, fields, nowMs) => {
    const ago = /^(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d|w)$/.exec(value);
    const full = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.test(value);
    const ms =
      ago === null
        ? Date.parse(full ? value : 'no time')
        : nowMs - Number(ago[1]) * (UNITS[ago[2] ?? ''] ?? Number.NaN);
    const time = new Date(ms);
    if (Number.isNaN(time.getTime()) || time.getUTCFullYear() < 0 || time.getUTCFullYear() > 9999)
      return 'is a time such as 10m, 2h, 7d (ago) or 2026-11-20T14:00:00Z';
    fields[name] = time.toISOString();
    return undefined;
  };

const status: Take = (value, fields) => {
  if (!/^(\d{3}|[a-z]+)$/i.test(value)) return 'is an outcome such as ok or blocked, or a code such as 404';
  fields.status = /^\d/.test(value) ? Number(value) : value.toLowerCase();
  return undefined;
};

/** By the names of the command line, with what each of them sets. */
const FILTERS: Readonly<Record<string, { readonly sets: keyof LogFilter; readonly take: Take }>> = {
  agent: { sets: 'agent', take: text('agent') },
  run: { sets: 'run', take: text('run') },
  type: {
    sets: 'types',
    take: (value, fields) => {
      fields.types = [...(fields.types ?? []), value];
      return undefined;
    },
  },
  text: {
    sets: 'text',
    take: (value, fields) => {
      if (wordsIn(value).length === 0) return 'has no word in it: words are runs of letters and digits';
      fields.text = value;
      return undefined;
    },
  },
  host: { sets: 'host', take: text('host', (value) => value.toLowerCase()) },
  domain: { sets: 'host', take: text('host', (value) => value.toLowerCase()) },
  method: { sets: 'method', take: text('method', (value) => value.toUpperCase()) },
  tool: { sets: 'tool', take: text('tool') },
  action: { sets: 'action', take: text('action') },
  credential: { sets: 'credential', take: text('credential') },
  decision: { sets: 'decision', take: word('decision', DECISIONS) },
  reason: { sets: 'reasonCode', take: text('reasonCode') },
  'reason-code': { sets: 'reasonCode', take: text('reasonCode') },
  layer: { sets: 'layer', take: text('layer') },
  outcome: {
    sets: 'status',
    take: (value, fields, nowMs) =>
      /^[a-z]+$/i.test(value) ? status(value, fields, nowMs) : 'is an outcome such as ok or blocked',
  },
  status: { sets: 'status', take: status },
  'status-class': {
    sets: 'statusClass',
    take: (value, fields) => {
      const found = STATUS_CLASSES.find((one) => one === value);
      if (found === undefined) return `is one of ${STATUS_CLASSES.join(', ')}`;
      fields.statusClass = found satisfies StatusClass;
      return undefined;
    },
  },
  failed: { sets: 'failed', take: flag('failed') },
  blocked: { sets: 'blocked', take: flag('blocked') },
  stopped: { sets: 'blocked', take: flag('blocked') },
  pending: { sets: 'pending', take: flag('pending') },
  redacted: { sets: 'redacted', take: flag('redacted') },
  user: { sets: 'user', take: text('user') },
  'on-behalf-of': { sets: 'onBehalfOf', take: text('onBehalfOf') },
  token: { sets: 'token', take: text('token') },
  identity: {
    sets: 'identity',
    take: word('identity', { anonymous: 'anonymous', declared: 'declared', issued: 'issued' }),
  },
  step: { sets: 'step', take: text('step') },
  session: { sets: 'session', take: text('session') },
  surface: { sets: 'surface', take: text('surface') },
  project: { sets: 'project', take: text('project') },
  env: { sets: 'environment', take: text('environment') },
  tenant: { sets: 'tenant', take: text('tenant') },
  phase: { sets: 'phase', take: word('phase', PHASES) },
  since: { sets: 'since', take: moment('since') },
  until: { sets: 'until', take: moment('until') },
};
const FLAGS: ReadonlySet<string> = new Set(['failed', 'blocked', 'stopped', 'pending', 'redacted']);
const OTHERS = ['from', 'log'];

/** Names that are understood. */
export const LIVE_PARAMETERS: readonly string[] = [...Object.keys(FILTERS), ...OTHERS];

/**
 * @param query what follows "?" in the URL
 * @param lastEventId the header of a client that comes back: the index of the last entry it has
 */
export function parseLiveRequest(
  query: string,
  lastEventId: string | undefined,
  nowMs: number,
): { readonly request: LiveRequest } | { readonly refusal: LiveRefusal } {
  const fields: Fields = {};
  const setBy = new Map<string, string>();
  let from: number | undefined;
  let log: string | undefined;
  const refuse = (message: string, hint: string) => ({ refusal: { message, hint } });

  for (const [name, value] of new URLSearchParams(query)) {
    const known = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
    if (known === undefined && !OTHERS.includes(name)) {
      const meant = didYouMean(name.replaceAll('_', '-'), LIVE_PARAMETERS);
      const all = `parameters are ${LIVE_PARAMETERS.join(', ')}`;
      return refuse(
        `there is no parameter ${JSON.stringify(name)}`,
        meant === undefined ? all : `did you mean ${meant}?`,
      );
    }
    const sets = known?.sets ?? name;
    const before = setBy.get(sets);
    if (before !== undefined && name !== 'type')
      return refuse(`${before === name ? name : `${before} and ${name}`} is said twice`, 'give one of them');
    setBy.set(sets, name);
    if (value === '' && !FLAGS.has(name))
      return refuse(`${name} has no value`, `write ${name}=…, or leave it out`);
    if (name === 'from') {
      from = indexOf(value);
      if (from === undefined) return refuse('from is no index of an entry', 'write a whole number: from=0');
    } else if (name === 'log') log = value;
    const wrong = known?.take(value, fields, nowMs);
    if (wrong !== undefined) return refuse(`${name} ${wrong}`, `it was ${JSON.stringify(value)}`);
  }
  if (fields.since !== undefined && fields.until !== undefined && fields.since >= fields.until)
    return refuse('since is not before until', 'no entry can be between them');
  if (lastEventId !== undefined && lastEventId !== '') {
    const last = indexOf(lastEventId);
    if (last === undefined)
      return refuse(
        'Last-Event-ID is no index of an entry',
        'send back the id of the last event as it came, or leave the header out',
      );
    // Of a client that comes back: its address still says where it once began.
    from = last + 1;
  }
  const filtered = Object.keys(fields).length > 0;
  return {
    request: {
      filter: fields,
      filtered,
      key: JSON.stringify(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))),
      ...(from === undefined ? {} : { from }),
      ...(log === undefined ? {} : { log }),
    },
  };
}

function indexOf(value: string): number | undefined {
  const index = Number(value);
  // Room for the one after it.
  return /^\d{1,16}$/.test(value) && index < Number.MAX_SAFE_INTEGER ? index : undefined;
}
