import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertVerifies } from '../../support/verify.ts';
import { bearer, stage } from './stage.ts';

const ALLOWED = {
  name: 'http.call',
  target: { scheme: 'https', host: 'api.example.com', method: 'GET', path: '/a' },
};
const ELSEWHERE = { ...ALLOWED, target: { ...ALLOWED.target, host: 'evil.example' } };

describe('POST /v1/decisions', () => {
  it('answers with the decision, which is in the log before the answer, and open until its outcome comes', async (t) => {
    const { ask, entries, token } = await stage(t);
    const agent = await token('billing-tool');
    const { status, body } = await ask('/v1/decisions', { action: ALLOWED, args: { n: 1 } }, bearer(agent));
    assert.equal(status, 200);
    assert.equal(body.proceed, true);
    const [made, ...rest] = entries('decision.made');
    assert.equal(rest.length, 0);
    assert.equal(made?.id, body.id);
    assert.equal(made?.phase, 'pre_exec');
    assert.deepEqual(made?.decision, body.decision);
    assert.equal(made?.actor?.agent_id, 'billing-tool');
    assert.equal(made?.actor?.identity_level, 'issued');
    assert.deepEqual(made?.source.surface, 'http');
    assert.equal(made?.source.assurance, 'observed');
    assert.match(made?.action?.args_hash ?? '', /^[0-9a-f]{64}$/);

    const outcome = await ask(
      '/v1/outcomes',
      { decision_id: body.id, outcome: { status: 'ok', duration_ms: 12 } },
      bearer(agent),
    );
    assert.equal(outcome.status, 200);
    const end = entries('decision.made')[1];
    assert.equal(end?.id, outcome.body.id);
    assert.equal(end?.parent_id, body.id);
    assert.equal(end?.phase, 'post_exec');
    assert.equal(end?.source.assurance, 'self_reported');
    assert.equal(end?.action?.key, made?.action?.key);
  });

  it('a stop is an answer, 200, with its own end in the log at once', async (t) => {
    const { ask, entries, recorder } = await stage(t);
    const { status, body } = await ask('/v1/decisions', { action: ELSEWHERE });
    assert.equal(status, 200);
    assert.equal(body.proceed, false);
    assert.equal(body.decision.outcome, 'stop');
    assert.equal(body.decision.reason, 'domain_not_in_allowlist');
    const [first, end] = entries('decision.made');
    assert.equal(end?.parent_id, first?.id);
    assert.deepEqual(end?.outcome, { status: 'blocked', error_kind: 'domain_not_in_allowlist' });
    assert.equal(recorder.openActions(), 0);
  });

  it('a bad token is a 401 and a record of what was asked with it', async (t) => {
    const { ask, entries, token } = await stage(t);
    const agent = await token('billing-tool');
    const forged = `${agent.slice(0, -3)}${agent.endsWith('AAA') ? 'BBB' : 'AAA'}`;
    const { status, body, headers } = await ask('/v1/decisions', { action: ALLOWED }, bearer(forged));
    assert.equal(status, 401);
    assert.equal(body.error.code, 'token_invalid');
    assert.match(headers.get('www-authenticate') ?? '', /^Bearer/);
    const [made] = entries('decision.made');
    assert.equal(made?.id, body.id);
    assert.equal(made?.decision?.reason, 'token_invalid');
    assert.equal((await ask('/v1/decisions', { action: ALLOWED }, { Authorization: 'Basic x' })).status, 401);
  });

  it('without a token only processes of this user are answered, with one those of others too', async (t) => {
    const { ask, entries, token } = await stage(t, { mayRead: async () => false });
    const agent = await token('billing-tool');
    const refused = await ask('/v1/decisions', { action: ALLOWED });
    assert.equal(refused.status, 401);
    assert.equal(refused.body.error.code, 'identity_missing');
    assert.equal(entries('decision.made').length, 0);
    assert.equal((await ask('/v1/decisions', { action: ALLOWED }, bearer(agent))).status, 200);
  });

  it('a request that names an action and is malformed is a 400 and a record; one that names none is neither', async (t) => {
    const { ask, entries } = await stage(t);
    const { status, body } = await ask('/v1/decisions', { action: { name: 'refund' }, arguments: {} });
    assert.equal(status, 400);
    assert.equal(body.error.code, 'bad_request');
    assert.match(body.error.message, /arguments/);
    const [point] = entries('decision.made');
    assert.equal(point?.id, body.id);
    assert.equal(point?.phase, 'point');
    assert.equal(point?.action?.name, 'refund');
    assert.equal(point?.outcome?.error_kind, 'bad_request');
    assert.equal((await ask('/v1/decisions', { args: 1 })).status, 400);
    assert.equal((await ask('/v1/decisions', '{')).body.error.code, 'bad_json');
    assert.equal((await ask('/v1/decisions', '{}', { 'Content-Type': 'text/plain' })).status, 415);
    assert.equal(entries('decision.made').length, 1);
  });

  it('numbers that cannot be told from their neighbours are refused: an approval binds to what was asked', async (t) => {
    const { ask } = await stage(t);
    const text = (n: string): string => `{"action":{"name":"pay"},"args":{"amount":${n}}}`;
    assert.equal((await ask('/v1/decisions', text('9007199254740993'))).status, 400);
    for (const other of ['90071992547409.93e2', '9.007199254740993e15', '-1e400'])
      assert.equal((await ask('/v1/decisions', text(other))).status, 400, other);
    assert.equal((await ask('/v1/decisions', text('"9007199254740993"'))).status, 200);
    assert.equal((await ask('/v1/decisions', text('1.5e3'))).status, 200);
    assert.equal((await ask('/v1/decisions', text('0.1000000000000000055'))).status, 200);
  });

  it('a place that only the caller names is marked as said, one of its token is not', async (t) => {
    const { ask, token, entries } = await stage(t);
    const bound = bearer(await token('one', { project_id: 'web' }));
    const place = { project_id: 'web', environment: 'prod' };
    await ask('/v1/decisions', { action: ALLOWED, ...place }, bound);
    await ask('/v1/decisions', { action: ALLOWED, ...place });
    const [first, second] = entries('decision.made').filter(({ phase }) => phase === 'pre_exec');
    assert.deepEqual([first?.project_id, first?.environment], ['web', 'prod']);
    assert.deepEqual(first?.quality, { environment: 'asserted' });
    assert.equal(second?.quality?.project_id, 'asserted');
  });

  it('a body that says a member twice is refused, and that is on record', async (t) => {
    const { ask, entries } = await stage(t);
    const twice = [
      '{"action":{"name":"pay"},"args":{"amount":1,"amount":9000}}',
      '{"action":{"name":"pay"},"args":[{"amount":1,"am\\u006funt":9000}]}',
      '{"action":{"name":"pay"},"args":{"__proto__":1,"__proto__":2}}',
    ];
    for (const body of [...twice, `{"requests":[${twice[0]}]}`]) {
      const path = body.startsWith('{"r') ? '/v1/decisions/batch' : '/v1/decisions';
      const { status, body: said } = await ask(path, body);
      assert.deepEqual([status, said.error.code], [400, 'bad_request'], body);
      assert.match(said.error.message, /two members/);
    }
    assert.equal(entries('decision.made').length, 4);
    const once = '{"action":{"name":"pay"},"args":{"a\\n":1,"a":{"a":2},"b":"\\"a\\":1,\\"a\\":2"}}';
    assert.equal((await ask('/v1/decisions', once)).status, 200);
  });

  it('arguments of ten megabytes, and arguments nested without end, are refused in bounded time', async (t) => {
    const { ask, entries } = await stage(t);
    const started = performance.now();
    const large = await ask('/v1/decisions', { action: ALLOWED, args: 'x'.repeat(10_000_000) }).catch(
      () => undefined,
    );
    // The connection may be cut while the rest is still being sent.
    if (large !== undefined) assert.equal(large.status, 413);
    const deep = `{"action":{"name":"a"},"args":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    assert.equal((await ask('/v1/decisions', deep)).status, 400);
    assert.ok(performance.now() - started < 5_000);
    const points = entries('decision.made');
    assert.deepEqual(
      points.map(({ phase, outcome }) => [phase, outcome?.error_kind]),
      [
        ['point', 'body_too_large'],
        ['point', 'bad_request'],
      ],
    );
  });

  it('a run that was started on the record is used by its own token only', async (t) => {
    const { ask, handle } = await stage(t);
    const run = await handle('run.start', {}, { surface: 'cli' });
    assert.equal((await ask('/v1/decisions', { action: ALLOWED, run_id: run.run_id })).status, 400);
    const own = await ask('/v1/decisions', { action: ALLOWED }, bearer(run.token));
    assert.equal(own.body.decision.inputs.identity.run_id, run.run_id);
    assert.equal((await ask('/v1/decisions', { action: ALLOWED, run_id: 'mine' })).status, 200);
  });

  it('web pages are turned away, by Host, Origin and Sec-Fetch-Site', async (t) => {
    const { ask, entries } = await stage(t);
    for (const headers of [{ Origin: 'https://evil.example' }, { 'Sec-Fetch-Site': 'cross-site' }]) {
      const { status, body, headers: answered } = await ask('/v1/decisions', { action: ALLOWED }, headers);
      assert.equal(status, 403);
      assert.equal(body.error.code, 'web_page_refused');
      assert.equal(answered.get('access-control-allow-origin'), null);
    }
    assert.equal(entries('decision.made').length, 0);
  });

  it('a log that cannot be written is a 503, never a permission', async (t) => {
    const { ask, recorder } = await stage(t);
    await recorder.close('test');
    const { status, body } = await ask('/v1/decisions', { action: ALLOWED });
    assert.equal(status, 503);
    assert.equal(body.error.code, 'audit_unavailable');
    assert.equal(body.proceed, undefined);
  });
});

describe('batches', () => {
  it('give each request its own result, in order, and entries in that order', async (t) => {
    const { ask, entries, box, close } = await stage(t);
    const requests = [
      { action: ALLOWED, step_id: 'a' },
      { action: ELSEWHERE, step_id: 'b' },
      { nonsense: true },
      ...Array.from({ length: 40 }, (_, n) => ({ action: ALLOWED, step_id: `c${n}` })),
    ];
    const { status, body } = await ask('/v1/decisions/batch', { requests });
    assert.equal(status, 200);
    assert.deepEqual(
      body.results
        .slice(0, 3)
        .map((one: { status: number; body: { proceed?: boolean } }) => [one.status, one.body.proceed]),
      [
        [200, true],
        [200, false],
        [400, undefined],
      ],
    );
    const steps = entries('decision.made').flatMap(({ phase, step_id }) =>
      phase === 'pre_exec' ? [step_id] : [],
    );
    assert.deepEqual(steps, ['a', 'b', ...Array.from({ length: 40 }, (_, n) => `c${n}`)]);
    const ids = body.results.slice(3).map((one: { body: { id: string } }) => one.body.id);
    const closed = await ask('/v1/outcomes/batch', {
      requests: [...ids, 'log_00000000000000000000000000'].map((decision_id) => ({
        decision_id,
        outcome: { status: 'ok' },
      })),
    });
    assert.deepEqual(
      closed.body.results.map((one: { status: number }) => one.status),
      [...ids.map(() => 200), 404],
    );
    assert.equal((await ask('/v1/decisions/batch', { requests: [] })).status, 400);
    assert.equal((await ask('/v1/decisions/batch', { requests: Array(257).fill({}) })).status, 400);
    await close();
    await assertVerifies(box);
  });
});

describe('POST /v1/outcomes', () => {
  it('closes a pair once: the same report is answered again, another one is told, also after a restart', async (t) => {
    const first = await stage(t);
    const { body } = await first.ask('/v1/decisions', { action: ALLOWED });
    const report = {
      decision_id: body.id,
      id: 'log_01M7Y5DTQ0AAAAAAAAAAAAAAAA',
      outcome: { status: 'error' },
    };
    const answers = await Promise.all([first.ask('/v1/outcomes', report), first.ask('/v1/outcomes', report)]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200],
    );
    assert.equal(answers[0]?.body.index, answers[1]?.body.index);
    const other = await first.ask('/v1/outcomes', { decision_id: body.id, outcome: { status: 'ok' } });
    assert.equal(other.status, 409);
    assert.equal(other.body.closed_by.id, report.id);
    assert.equal((await first.ask('/v1/outcomes', { ...report, decision_id: report.id })).status, 404);

    const second = await first.again();
    const late = await second.ask('/v1/outcomes', report);
    assert.deepEqual([late.status, late.body.known, late.body.index], [200, true, answers[0]?.body.index]);
    assert.equal(
      (await second.ask('/v1/outcomes', { decision_id: body.id, outcome: { status: 'ok' } })).status,
      409,
    );
    assert.equal(second.entries('decision.made').length, 2);
  });

  it('what the recorder closed as unknown when it ended is closed after all by a report, late', async (t) => {
    const first = await stage(t);
    const { body } = await first.ask('/v1/decisions', { action: ALLOWED, args: { n: 1 } });
    const second = await first.again();
    const [made, unknown] = second.entries('decision.made');
    assert.equal(unknown?.outcome?.status, 'unknown');
    const { status, body: closed } = await second.ask('/v1/outcomes', {
      decision_id: body.id,
      outcome: { status: 'ok' },
    });
    assert.deepEqual([status, closed.late], [200, true]);
    const end = second.entries('decision.made')[2];
    assert.equal(end?.outcome?.status, 'ok');
    assert.equal(end?.outcome?.late, true);
    assert.equal(end?.action?.key, made?.action?.key);
    await second.close();
    await assertVerifies(second.box);
  });

  it('only whoever asked reports', async (t) => {
    const { ask, token } = await stage(t);
    const [one, two] = [await token('one'), await token('two')];
    const { body } = await ask('/v1/decisions', { action: ALLOWED }, bearer(one));
    const report = { decision_id: body.id, outcome: { status: 'ok' } };
    assert.equal((await ask('/v1/outcomes', report, bearer(two))).status, 403);
    assert.equal((await ask('/v1/outcomes', report)).status, 403);
    assert.equal((await ask('/v1/outcomes', report, bearer(one))).status, 200);
  });

  it('a client of the recorder does not report for others either', async (t) => {
    const { ask, token, handle } = await stage(t);
    const one = bearer(await token('one'));
    const { body } = await ask('/v1/decisions', { action: ALLOWED }, one);
    const outcome = { status: 'ok', usage: { cost_usd: 1e9 } } as const;
    const end = { phase: 'post_exec', parent_id: body.id, outcome } as const;
    for (const type of ['decision.made', 'custom', 'http.call'])
      await assert.rejects(
        handle('record', { event: { ...end, type } }, { surface: 'http' }),
        { code: 'BAD_EVENT' },
        type,
      );
    const report = { decision_id: body.id, outcome: { status: 'ok' } };
    assert.equal((await ask('/v1/outcomes', report, one)).status, 200);
  });

  it('a name that was passed on is not that of the agent who has it from the operator', async (t) => {
    const policy = 'version: "1"\nallowlist: [api.example.com]\nusers: { u: { roles: [member] } }\n';
    const { ask, token, handle } = await stage(t, { policy });
    const [one, two] = [await token('one', { user_id: 'u' }), await token('two', { user_id: 'u' })];
    const made = await handle('token.delegate', { parent: two, agent_id: 'one' }, { surface: 'cli' });
    const { body } = await ask('/v1/decisions', { action: ALLOWED }, bearer(one));
    const report = { decision_id: body.id, outcome: { status: 'ok' } };
    assert.equal((await ask('/v1/outcomes', report, bearer(made.token))).status, 403);
    const other = await ask('/v1/decisions', { action: ALLOWED }, bearer(made.token));
    const own = { decision_id: other.body.id, outcome: { status: 'ok' } };
    assert.equal((await ask('/v1/outcomes', own, bearer(one))).status, 403);
    assert.equal((await ask('/v1/outcomes', own, bearer(made.token))).status, 200);
  });

  it('what nobody tells the outcome of is closed as unknown after an hour, and an outcome after that is late', async (t) => {
    const { ask, box, entries, recorder } = await stage(t);
    const { body } = await ask('/v1/decisions', { action: ALLOWED });
    box.clock.ms += 61 * 60_000;
    await ask('/v1/decisions', { action: ALLOWED });
    const end = entries('decision.made').find(({ parent_id }) => parent_id === body.id);
    assert.equal(end?.outcome?.status, 'unknown');
    assert.equal(recorder.openActions(), 1);
    const late = await ask('/v1/outcomes', { decision_id: body.id, outcome: { status: 'ok' } });
    assert.deepEqual([late.status, late.body.late], [200, true]);
    assert.equal(
      (await ask('/v1/outcomes', { decision_id: body.id, outcome: { status: 'ok' } })).status,
      409,
    );
  });
});
