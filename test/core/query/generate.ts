/** Random logs: calls that overlap, ends that are missing or double, events that stand alone, lines that are no entries. */
import fc from 'fast-check';
import { serializeEntry } from '../../../src/core/canonical.ts';
import type { LogFilter } from '../../../src/core/query/filter.ts';
import { idOf, START_MS } from '../../support/logfiles.ts';

const AGENTS = ['builder', 'billing-tool'];
const HOSTS = ['api.example.com', 'hooks.chat.example'];
const METHODS = ['GET', 'POST'];
const DECISIONS = ['allow', 'stop', 'approval_required'];
const STATUSES = ['ok', 'error', 'blocked', 'unknown'];
const CODES = [200, 204, 404, 500];

type Step =
  | {
      readonly kind: 'begin';
      readonly agent: number;
      readonly host: number;
      readonly method: number;
      readonly decision: number;
    }
  | {
      readonly kind: 'end';
      readonly of: number;
      readonly status: number;
      readonly code: number;
      readonly redacted: boolean;
    }
  | { readonly kind: 'event'; readonly type: string }
  | { readonly kind: 'garbage'; readonly text: string };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('begin' as const),
      agent: fc.nat(1),
      host: fc.nat(1),
      method: fc.nat(1),
      decision: fc.nat(2),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      of: fc.nat(20),
      status: fc.nat(3),
      code: fc.nat(3),
      redacted: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('event' as const),
      type: fc.constantFrom('log.open', 'secret.access', 'future.thing'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('garbage' as const),
      text: fc.constantFrom('', '{', 'null', '[1]', '"phase":"post_exec"', '\u0000'),
    }),
  },
);

interface Begun {
  readonly id: string;
  readonly common: object;
}

function toLine(each: Step, index: number, begun: Begun[]): Buffer {
  const ts = new Date(START_MS + index * 1000).toISOString();
  const base = { v: 1, id: idOf(index), index, ts, tenant_id: 'local' };
  const write = (rest: object): Buffer => Buffer.from(serializeEntry({ ...base, ...rest }));
  switch (each.kind) {
    case 'begin': {
      const common = {
        type: 'http.call',
        actor: { agent_id: AGENTS[each.agent] },
        action: { name: 'http.call', target: { host: HOSTS[each.host], method: METHODS[each.method] } },
      };
      begun.push({ id: base.id, common });
      const decision = { outcome: DECISIONS[each.decision], layers: [], reason: `because_${each.decision}` };
      const decoy = { id: idOf(index + 1), index: 3, parent_id: idOf(0), phase: 'post_exec' };
      return write({ ...common, phase: 'pre_exec', decision: { ...decision, inputs: decoy } });
    }
    case 'end': {
      const call = begun[each.of % Math.max(1, begun.length)];
      const outcome = {
        status: STATUSES[each.status],
        status_code: CODES[each.code],
        redacted: each.redacted,
      };
      const common = call?.common ?? { type: 'http.call' };
      const decoy = { id: idOf(each.of), index: 3, parent_id: idOf(each.of), phase: 'pre_exec' };
      return write({
        ...common,
        phase: 'post_exec',
        parent_id: call?.id ?? idOf(999),
        outcome,
        metadata: decoy,
      });
    }
    case 'event': {
      // Free text and nested members that look like those a scan searches for.
      const note = '"agent_id":"builder"';
      const metadata = {
        phase: 'post_exec',
        parent_id: idOf(0),
        agent_id: 'builder',
        note,
        id: idOf(1),
        index: 1,
      };
      return write({ type: each.type, phase: 'point', metadata, actor: metadata });
    }
    case 'garbage':
      return Buffer.from(each.text);
  }
}

/** Stored lines, in the order of the log. */
export const storedLines: fc.Arbitrary<readonly Buffer[]> = fc.array(step, { maxLength: 60 }).map((steps) => {
  const begun: Begun[] = [];
  return steps.map((each, index) => toLine(each, index, begun));
});

const option = <T>(...values: readonly T[]): fc.Arbitrary<T | undefined> =>
  fc.option(fc.constantFrom(...values), { nil: undefined, freq: 2 });

/** Any few filters at once. */
export const filters: fc.Arbitrary<LogFilter> = fc
  .record({
    agent: option(...AGENTS, 'nobody'),
    host: option(...HOSTS, '*.example', '*.com'),
    method: option(...METHODS),
    decision: option(...DECISIONS),
    reasonCode: option('because_1'),
    status: option<string | number>(...STATUSES, 404),
    statusClass: option('2xx', '4xx', 'error'),
    types: option(['http.call'], ['secret'], ['log.open', 'http.*']),
    failed: option(true),
    blocked: option(true),
    redacted: option(true),
    since: option(new Date(START_MS + 20_000).toISOString()),
    until: option(new Date(START_MS + 40_000).toISOString()),
  })
  .map((found) => Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)));
