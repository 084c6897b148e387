/** Random logs of what a log may hold: calls in any order, ends that are late, double, forged or lost, lines that are no entries. */
import fc from 'fast-check';
import type { JsonObject } from '../../src/core/json.ts';
import type { LogFilter } from '../../src/core/query/filter.ts';
import { idOf, START_MS } from '../support/logfiles.ts';

const AGENTS = ['builder', 'billing-tool', 'ä\u0000b'];
const HOSTS = ['api.example.com', 'hooks.chat.example', 'example.com'];
const METHODS = ['GET', 'POST'];
const DECISIONS = ['allow', 'stop', 'approval_required'];
const STATUSES = ['ok', 'error', 'blocked', 'unknown', 'pending', 'pending', 'timeout', 'started'];
const CODES: readonly unknown[] = [200, 204, 404, 500, 99.5, -0, 1e300, 'not a number'];
const TYPES = [
  'http.call',
  'tool.call',
  'http',
  'httpx.call',
  'approval.request',
  'secret.access',
  'future.thing',
];
const ASSURANCES = ['enforced', 'observed', 'self_reported'];
const USERS = ['ada', 'bob', '\ud800 half a pair', '\uffff'];
const WORDS = [
  'the monthly Invoice',
  'INVOICE 17',
  'straße a\u0308',
  'report; invoice',
  '',
  'x'.repeat(100),
  '😀'.repeat(70),
];
const RUNS = ['run_1', 'run_2', 'run_3'];
const CREDENTIALS = ['stripe', 'github', 'chat'];
const RAW = ['', '{', 'null', '[1]', '"phase":"post_exec"', '\u0000', '{"a":1', '7', '{}', '\ufeff{}'];

const maybe = <T>(...values: readonly T[]) =>
  fc.option(fc.constantFrom(...values), { nil: undefined, freq: 3 });
/** Now and then a member is of another kind than it should be. */
const oddly = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 30, arbitrary: arbitrary as fc.Arbitrary<unknown> },
    { weight: 1, arbitrary: fc.constantFrom<unknown>(null, 7, true, [], {}, ['x'], { id: 'x' }) },
  );

const entry = fc.record({
  phase: fc.constantFrom<unknown>('pre_exec', 'pre_exec', 'post_exec', 'post_exec', 'point', undefined, 3),
  type: oddly(fc.constantFrom(...TYPES)),
  /** Which earlier or later entry it names as its parent. */
  parent: fc.option(fc.integer({ min: -12, max: 3 }), { nil: undefined, freq: 6 }),
  /** Takes the id of another one. */
  imitates: fc.option(fc.integer({ min: -8, max: 8 }), { nil: undefined, freq: 1 }),
  noId: fc.boolean(),
  ts: fc.constantFrom('plain', 'plain', 'plain', 'plain', 'back', 'far', 'odd', 'none', 'number'),
  agent: oddly(maybe(...AGENTS)),
  user: oddly(maybe(...USERS)),
  run: oddly(maybe(...RUNS)),
  host: oddly(maybe(...HOSTS)),
  method: oddly(maybe(...METHODS)),
  tool: oddly(maybe('search', 'read')),
  credentials: fc.array(maybe(...CREDENTIALS), { maxLength: 3 }),
  decision: oddly(maybe(...DECISIONS)),
  enforced: fc.constantFrom<unknown>(true, false, undefined),
  layer: maybe('default', 'agent'),
  status: oddly(maybe(...STATUSES)),
  code: maybe<unknown>(...CODES),
  redacted: fc.boolean(),
  assurance: maybe(...ASSURANCES),
  reason: oddly(maybe(...WORDS)),
  note: maybe(...WORDS),
  resumed: fc.option(fc.constantFrom<unknown>('granted', 7), { nil: undefined, freq: 2 }),
  huge: fc.option(fc.constant(true), { nil: false, freq: 1 }),
});
type Drawn = typeof entry extends fc.Arbitrary<infer T> ? T : never;

const ODD_TIMES = [
  '2026-11-20',
  '2026-02-30T00:00:00.000Z',
  '~',
  '',
  '2026-11-20T12:00:10.000+01:00',
  '2026-11-20T12:00:10.5Z',
];

function timeOf(kind: Drawn['ts'], index: number): unknown {
  const at = (ms: number): string => new Date(ms).toISOString();
  switch (kind) {
    case 'plain':
      return at(START_MS + index * 60_000);
    case 'back':
      return at(START_MS + (index - 20) * 60_000);
    case 'far':
      return at(START_MS + (index % 2 === 0 ? -1 : 1) * 80 * 365 * 86_400_000);
    case 'odd':
      return ODD_TIMES[index % ODD_TIMES.length];
    case 'number':
      return 1_700_000_000;
    default:
      return undefined;
  }
}

function toLine(drawn: Drawn, index: number): Buffer {
  const { agent, user, method, host, tool, credentials, status, code, redacted } = drawn;
  const value = {
    v: 1,
    ...(drawn.noId && index % 5 === 0 ? {} : { id: idOf(index + (drawn.imitates ?? 0)) }),
    index,
    ts: timeOf(drawn.ts, index),
    type: drawn.type,
    tenant_id: 'local',
    phase: drawn.phase,
    ...(drawn.parent === undefined ? {} : { parent_id: idOf(Math.max(0, index + drawn.parent)) }),
    run_id: drawn.run,
    source: { surface: 'sdk', assurance: drawn.assurance },
    actor: { agent_id: agent, user: { id: user } },
    action: { name: 'do', target: { host, method, path: `/v1/${index % 7}` }, tool: { name: tool } },
    credentials: credentials.map((ref) => ({ ref })),
    decision: { outcome: drawn.decision, enforced: drawn.enforced, layer: drawn.layer, reason: 'because' },
    outcome: { status, status_code: code, redacted, duration_ms: index / 3 },
    reason: drawn.reason,
    metadata: {
      note: drawn.note,
      resumed: drawn.resumed,
      ...(drawn.huge ? { big: `${'lorem '.repeat(9_000)}end${index}` } : {}),
    },
  };
  return Buffer.from(JSON.stringify(value));
}

/** Stored lines, in the order of the log, with indexes from `first` on. */
export const hostileLines = (maxLength: number, first = 0): fc.Arbitrary<readonly Buffer[]> =>
  fc
    .array(
      fc.oneof(
        { weight: 12, arbitrary: entry as fc.Arbitrary<Drawn | string> },
        { weight: 1, arbitrary: fc.constantFrom<Drawn | string>(...RAW) },
      ),
      { maxLength, size: 'max' },
    )
    .map((all) =>
      all.map((each, i) => (typeof each === 'string' ? Buffer.from(each) : toLine(each, first + i))),
    );

const times = [-60, 0, 1.5, 20, 55, 300].map((minutes) =>
  new Date(START_MS + minutes * 60_000).toISOString(),
);

const wanted: fc.Arbitrary<Record<keyof LogFilter, unknown>> = fc.record({
  agent: maybe(...AGENTS, 'nobody'),
  token: maybe('nothing'),
  identity: maybe('declared'),
  credential: maybe(...CREDENTIALS),
  run: maybe(...RUNS),
  step: maybe('step'),
  session: maybe('session'),
  tenant: maybe('local', 'other'),
  user: maybe(...USERS),
  onBehalfOf: maybe('somebody'),
  tool: maybe('search'),
  action: maybe('do', 'undo'),
  surface: maybe('sdk', 'proxy'),
  project: maybe('project'),
  environment: maybe('production'),
  types: maybe<readonly string[]>(['http.call'], ['http'], ['http.*', 'secret'], ['log.open'], []),
  notTypes: maybe<readonly string[]>(['http.call'], ['log.read', 'tool.call'], ['http'], []),
  host: maybe(...HOSTS, '*.example.com', '*.com'),
  method: maybe(...METHODS),
  status: maybe<string | number>(...STATUSES, 404, 0, 99.5, 1e300),
  statusClass: maybe('2xx', '4xx', '0xx', 'error'),
  decision: maybe(...DECISIONS),
  reasonCode: maybe('because'),
  layer: maybe('default'),
  phase: maybe('pre_exec', 'point'),
  failed: maybe(true, false),
  blocked: maybe(true),
  pending: maybe(true),
  redacted: maybe(true),
  text: maybe(
    'invoice',
    'INVOICE monthly',
    'v1 do',
    'nothing',
    '...',
    'ä',
    'lorem',
    `${'x'.repeat(64)}`,
    '😀',
  ),
  since: maybe(...times, '2026-11-20', '~', ''),
  until: maybe(...times, '2026-11-20T12', '~'),
});

/** One to three conditions at once, of all there are. */
export const anyFilter: fc.Arbitrary<LogFilter> = fc
  .tuple(wanted, fc.uniqueArray(fc.nat(30), { maxLength: 3 }))
  .map(([all, picked]) => {
    const entries = Object.entries(all);
    const chosen = picked
      .map((i) => entries[i])
      .filter((each) => each !== undefined && each[1] !== undefined);
    return Object.fromEntries(chosen as [string, unknown][]) as LogFilter;
  });

export type Parsed = JsonObject | undefined;
