import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { createLiveBaseline, judge } from '../../../src/core/baseline/judge.ts';
import { learn } from '../../../src/core/baseline/learn.ts';
import type { Model } from '../../../src/core/baseline/model.ts';
import { learnFrom } from '../../../src/core/baseline/read.ts';
import { parseModel, serializeModel } from '../../../src/core/baseline/stored.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { parseLine } from '../../../src/core/query/line.ts';
import type { Row } from '../../../src/core/query/row.ts';
import { memoryIndex } from '../../../src/index/memory.ts';
import { storedLines } from '../query/generate.ts';
import { busiest } from './plant.ts';
import { at, createRandom, dayOfRows, daysOfRows, habitsOf, rowOf, START } from './simulate.ts';

const REFLECTS = { log: 'local', size: 7 };
const text = (model: Model): string => serializeModel(model, REFLECTS);
const HOUR_MS = 3_600_000;

/** Ten runs a day, each of three calls to one host. */
function steady(days: number, change: (row: Row, day: number) => Row = (row) => row): Row[] {
  return Array.from({ length: days * 30 }, (_, n) => {
    const day = Math.floor(n / 30);
    const ms = START + (day * 24 + 10) * HOUR_MS + (n % 30) * 20_000;
    return change(
      rowOf('builder', ms, {
        run: `run_${Math.floor(n / 3)}`,
        host: 'api.example.com',
        method: 'GET',
        credentials: ['KEY'],
      }),
      day,
    );
  });
}
const modelOf = (rows: readonly Row[], days: number): Model =>
  learn(rows, { agent: 'builder', since: at(0), until: at(days) });
const now = (ms: number, more: Partial<Row>): Row =>
  rowOf('builder', START + 30 * 24 * HOUR_MS + 10 * HOUR_MS + ms, {
    run: 'run_now',
    host: 'api.example.com',
    method: 'GET',
    credentials: ['KEY'],
    ...more,
  });

describe('what is usual', () => {
  it('is the same, byte for byte, for the same rows', () => {
    const rows = (): Row[] => daysOfRows(habitsOf(7), 0, 20);
    const params = { agent: 'agent-7', since: at(0), until: at(20) };
    const strip = (row: Row): Row => ({ ...row, index: 0, end: 1 });
    assert.equal(text(learn(rows().map(strip), params)), text(learn(rows().map(strip), params)));
  });

  it('of a day does not depend on the rows of other days, nor on where they stand', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(), (seed, shuffle) => {
        const habits = habitsOf(seed);
        const days = Array.from({ length: 4 }, (_, day) => dayOfRows(habits, day));
        const random = createRandom(shuffle);
        const queues = days.map((rows) => [...rows]);
        const mixed: Row[] = [];
        while (queues.some((queue) => queue.length > 0)) {
          const next = random.pick(queues.filter((queue) => queue.length > 0)).shift();
          if (next !== undefined) mixed.push(next);
        }
        const params = { agent: habits.agent, since: at(0), until: at(4) };
        assert.equal(text(learn(mixed, params)), text(learn(days.flat(), params)));
      }),
      { numRuns: 15 },
    );
  });

  it('is the same in any order of the rows while no value had to make room', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.nat(), (seed, shuffle) => {
        const habits = habitsOf(seed);
        const rows = daysOfRows(habits, 0, 3);
        const random = createRandom(shuffle);
        const shuffled = rows
          .map((row) => [random.next(), row] as const)
          .sort(([a], [b]) => a - b)
          .map(([, row]) => row);
        const params = { agent: habits.agent, since: at(0), until: at(3) };
        assert.equal(text(learn(shuffled, params)), text(learn(rows, params)));
      }),
      { numRuns: 15 },
    );
  });

  it('keeps the most frequent values when there are too many, and says how many made room', () => {
    const rows = steady(1, (row) => row);
    const many = Array.from({ length: 3000 }, (_, n) =>
      rowOf('builder', START + n * 1000, { run: 'r', host: n % 3 === 0 ? 'often.example' : `h${n}.example` }),
    );
    const [day] = modelOf([...many, ...rows], 1).days;
    assert.equal(day?.values.host.length, LIMITS.baselineValues);
    assert.equal(day?.dropped.host, 2001 + 1 - LIMITS.baselineValues);
    assert.ok((day?.values.host.find(({ value }) => value === 'often.example')?.calls ?? 0) >= 990);
    assert.equal(day?.hosts.length, LIMITS.baselineHosts);
    assert.ok((day?.unhosted ?? 0) > 1000);
    const found = judge(modelOf(many, 1), [now(0, { host: 'another.example' })]);
    assert.ok(found.every(({ score }) => score < 0.5));
  });

  it('does not depend on what else the log holds, or on times that are none', () => {
    const rows = steady(3);
    const odd = [
      { ...now(0, {}), ts: undefined },
      { ...now(0, {}), ts: '2026-06-1XT10:00:00.000Z' },
      { ...now(0, {}), ts: '2026-06-02T10:00:61.000Z' },
      { ...now(0, {}), ts: '2026-06-02Tzz:00:00.000Z' },
      { ...now(0, {}), agent: 'another' },
    ];
    assert.equal(text(modelOf([...odd, ...rows, ...odd], 3)), text(modelOf(rows, 3)));
    assert.deepEqual(judge(modelOf(rows, 3), odd.slice(0, 4)), []);
  });
});

describe('a model that was kept', () => {
  it('is learned on to the same as one that is learned anew, whatever came to the log meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(storedLines, fc.nat(60), fc.nat(59), async (lines, cut, offset) => {
        const index = memoryIndex();
        const params = {
          agent: 'builder',
          since: '2026-11-19T00:00:00.000Z',
          until: '2026-12-01T00:00:00.000Z',
        };
        const add = (line: Buffer): void => {
          const parsed = parseLine(line);
          if (!('entry' in parsed)) {
            index.add(undefined);
            return;
          }
          // Entries of a generated log are a second apart: here, hours, so that calls go over days.
          const ms = Date.parse(String(parsed.entry.ts));
          const spread = new Date(Date.UTC(2026, 10, 20) + (ms % 60_000) * (offset * 60)).toISOString();
          index.add({ ...parsed.entry, ts: spread });
        };
        for (const line of lines.slice(0, cut)) add(line);
        const before = (await learnFrom(index.query, params)).model;
        const parsed = parseModel(text(before));
        assert.ok('model' in parsed);
        for (const line of lines.slice(cut)) add(line);
        const onwards = await learnFrom(index.query, params, parsed.model.days);
        const anew = await learnFrom(index.query, params);
        assert.equal(anew.reused, 0);
        assert.equal(text(onwards.model), text(anew.model));
        const rows: Row[] = [];
        for await (const row of index.query.rows({}, { order: 'oldest' })) rows.push(row);
        assert.equal(text(learn(rows, params)), text(anew.model));
      }),
      { numRuns: 200 },
    );
  });

  it('is taken over by the day when the window moves on', async () => {
    const index = memoryIndex();
    for (const row of steady(6)) index.add(entryOf(row));
    const known = (await learnFrom(index.query, { agent: 'builder', since: at(0), until: at(5) })).model.days;
    const params = {
      agent: 'builder',
      since: at(2),
      until: new Date(START + 5.5 * 24 * HOUR_MS).toISOString(),
    };
    const { model, reused, learned } = await learnFrom(index.query, params, known);
    assert.deepEqual([reused, learned], [3, 1]);
    assert.equal(text(model), text((await learnFrom(index.query, params)).model));
  });

  it('reads back as it was, and anything else is refused with a reason', () => {
    const model = modelOf(steady(3), 3);
    assert.deepEqual(parseModel(text(model)), { model, reflects: REFLECTS });
    for (const [broken, why] of [
      ['', 'not JSON'],
      ['[]', 'it is no object'],
      ['{"version":0}', 'of another version'],
      [text(model).replace('"runs":10', '"runs":-1'), 'a number is none, or out of range'],
      [text(model).replace('"runCalls":[3,', '"runCalls":[3,0,3,'), 'a distribution is none'],
      [text(model).replace('2026-06-02', '2026-06-32'), 'a time is none'],
      [text(model).replace('2026-06-02', '2026-05-02'), 'its days are out of order'],
    ] as const)
      assert.deepEqual(parseModel(broken), { why });
  });

  it('is never taken for one when its text was damaged, and never ends in an exception', () => {
    const whole = text(modelOf(steady(2), 2));
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.string({ maxLength: 8 }), fc.nat(20), (from, put, gone) => {
        const parsed = parseModel(whole.slice(0, from) + put + whole.slice(from + gone));
        if ('model' in parsed) judge(parsed.model, [now(0, {})]);
        else assert.ok(parsed.why.length > 3);
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.json(), (json) => {
        assert.ok('why' in parseModel(json));
      }),
    );
  });
});

function entryOf(row: Row) {
  return {
    index: row.index,
    id: row.id ?? '',
    ts: row.ts ?? '',
    type: row.type,
    phase: 'post_exec',
    actor: { agent_id: row.agent ?? '', identity_level: 'issued' },
    run_id: row.run ?? '',
    action: { name: 'http.call', target: { host: row.host ?? '', method: 'GET' } },
    outcome: { status: 'ok', status_code: 200, duration_ms: 3 },
  };
}

describe('what differs', () => {
  let model: Model;
  before(() => {
    model = modelOf(steady(30), 30);
  });
  const told = (rows: readonly Row[], on: Model = model) =>
    judge(on, rows).map(({ kind, subject, score, words }) => ({ kind, subject, score, words }));

  it('is nothing for a day like all others', () => {
    assert.deepEqual(
      told(Array.from({ length: 3 }, (_, i) => now(i * 20_000, {}))).filter(({ score }) => score >= 0.5),
      [],
    );
  });

  it('is told in words, with the entries that show it', () => {
    const found = judge(model, [
      now(0, {}),
      now(1000, { host: 'paste.example', credentials: ['STRIPE_KEY'] }),
    ]);
    assert.deepEqual(
      found.map(({ kind, words, score }) => [kind, words, score >= 0.9]),
      [
        ['first_credential', 'first use of credential STRIPE_KEY in 300 runs', true],
        ['first_host', 'first use of paste.example in 300 runs', true],
      ],
    );
    assert.equal(found[0]?.evidence.length, 1);
  });

  it('counts a burst against the 99th percentile', () => {
    const burst = Array.from({ length: 54 }, (_, i) => now(i * 1000, {}));
    const found = told(burst).find(({ kind }) => kind === 'calls_per_minute');
    assert.equal(found?.words, '54 calls in a minute, 18 × its 99th percentile of 3');
    assert.ok((found?.score ?? 0) >= 0.9);
  });

  it('gives failures with how usual they are, and between what', () => {
    const usually = modelOf(
      steady(30, (row) => (row.index % 100 === 0 ? { ...row, statusCode: 500 } : row)),
      30,
    );
    const found = told(
      Array.from({ length: 29 }, (_, i) => now(i * 20_000, i % 3 === 0 ? { statusCode: 503 } : {})),
      usually,
    );
    assert.match(
      found.find(({ kind }) => kind === 'failures')?.words ?? '',
      /^fails 34 % of its calls \(10 of 29\), usually 2 % \(95 % interval 1\.\d–[23](\.\d)? %\)$/,
    );
  });

  it('tells an hour without activity from one beside the usual', () => {
    const far = told([now(-7 * HOUR_MS, {})]).find(({ kind }) => kind === 'unusual_hour');
    assert.equal(far?.words, 'active at 03:00 UTC, on 0 of 30 active days before');
    const beside = told([now(HOUR_MS, {})]).find(({ kind }) => kind === 'unusual_hour');
    assert.ok((beside?.score ?? 1) < (far?.score ?? 0));
  });

  it('tells a weekday that never was, after some weeks', () => {
    const weekdays = learn(
      steady(35, (row) => row).filter(({ ts }) => new Date(ts ?? '').getUTCDay() % 6 !== 0),
      { agent: 'builder', since: at(0), until: at(33) },
    );
    const sunday = rowOf('builder', START + (34 * 24 + 10) * HOUR_MS, { host: 'api.example.com' });
    assert.equal(new Date(sunday.ts ?? '').getUTCDay(), 0);
    assert.match(
      told([sunday], weekdays).find(({ kind }) => kind === 'unusual_weekday')?.words ?? '',
      /^active on a Sunday \(UTC\), on 0 of 4 Sundays before$/,
    );
  });

  it('is not scored while too few runs are known', () => {
    const young = modelOf(steady(1).slice(0, 9), 30);
    assert.deepEqual(told([now(0, { host: 'new.example' })], young), []);
    assert.deepEqual(createLiveBaseline(young).learning, { runs: 3, needed: 10 });
  });

  it('says a lower identity with the usual one', () => {
    const [found] = told([now(0, { identity: 'declared' })]);
    assert.equal(found?.words, 'identity is declared, was issued in 300 runs');
  });

  it('stays below an alarm for a member that producers only begin to fill in', () => {
    const [found] = told([now(0, { environment: 'production' })]);
    assert.deepEqual([found?.kind, found?.score], ['first_environment', 0.6]);
  });

  it('is bounded when everything is new', () => {
    const rows = Array.from({ length: 5000 }, (_, i) => now(i * 10, { host: `h${i}.example`, run: `r${i}` }));
    const found = judge(model, rows);
    assert.ok(found.filter(({ kind }) => kind === 'first_host').length <= LIMITS.baselineNew + 1);
    assert.ok(found.some(({ words }) => words.startsWith('4,968 more calls with hosts never seen')));
    for (const { evidence } of found) assert.ok(evidence.length <= LIMITS.baselineEvidence);
  });
});

describe('the live baseline', () => {
  it('tells each thing once, when it shows, and again when it becomes an alarm', () => {
    const live = createLiveBaseline(modelOf(steady(30), 30));
    const told = Array.from({ length: 200 }, (_, i) =>
      live.add(now(i * 100, { host: 'new.example' })),
    ).flat();
    assert.equal(told.filter(({ kind }) => kind === 'first_host').length, 1);
    const rates = told.filter(({ kind }) => kind === 'calls_per_minute');
    assert.equal(rates.length, 2);
    assert.ok((rates[0]?.score ?? 1) < 0.9 && (rates[1]?.score ?? 0) >= 0.9);
  });

  it('counts a call once that is given again with its end', () => {
    const live = createLiveBaseline(modelOf(steady(30), 30));
    const told = Array.from({ length: 12 }, (_, i) => {
      const row = now(i * 20_000, { statusCode: 500, status: 'error' });
      const { end: _end, ...begun } = {
        ...row,
        status: undefined,
        statusCode: undefined,
        durationMs: undefined,
      };
      return [...live.add(begun), ...live.add(begun), ...live.add(row)];
    }).flat();
    assert.match(told.find(({ kind }) => kind === 'failures')?.words ?? '', /\(3 of 3\)/);
    assert.ok(told.every(({ kind }) => !kind.startsWith('calls_per')));
  });

  it('finds what judging the same hour at its end finds', () => {
    const habits = habitsOf(11);
    const model = learn(daysOfRows(habits, 0, 30), { agent: habits.agent, since: at(0), until: at(30) });
    const rows = busiest(dayOfRows(habits, 30)).map((row) => ({ ...row, credentials: ['NEW_KEY'] }));
    const live = createLiveBaseline(model);
    const told = new Set(
      rows.flatMap((row) => live.add(row)).map(({ kind, subject }) => `${kind} ${subject}`),
    );
    for (const { kind, subject, score } of judge(model, rows))
      if (score >= 0.5) assert.ok(told.has(`${kind} ${subject}`), `${kind} ${subject}`);
    assert.ok(told.has('first_credential NEW_KEY'));
  });
});
