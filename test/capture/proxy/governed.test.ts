import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Entry } from '../../../src/core/entry.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { memoryIndex } from '../../../src/index/memory.ts';
import { aboutApproval } from '../../../src/recorder/approvals.ts';
import { entriesOf } from '../../support/recorder.ts';
import { type Answer, type Stage, type StageOptions, stage, type Upstream, until } from './stage.ts';

const echo: RequestListener = (_request, response) => response.end('done');

interface Scene extends Stage {
  readonly up: Upstream;
  post(body: string, headers?: Record<string, string>, type?: string): Promise<Answer>;
}

/** An upstream behind a policy: `rest` goes after its allowlist. */
async function scene(
  t: TestContext,
  rest: string,
  options: StageOptions = {},
  handler = echo,
): Promise<Scene> {
  const s = await stage(t, options);
  const up = await s.upstream(handler);
  await s.vault.set('KEY', randomBytes(18).toString('base64url'));
  await s.policy(`version: "2"
identity: { anonymous: allow, declared: allow }
allowlist: [{ host: 127.0.0.1, port: ${up.port}, http: true, internal: true }]
${rest}`);
  return {
    ...s,
    up,
    post: (body, headers = {}, type = 'application/json') =>
      s.call({
        method: 'POST',
        body,
        headers: {
          'X-AS-Target-URL': `${up.origin}/refunds?for=42`,
          'X-AS-Inject-Bearer': 'KEY',
          'X-AS-Agent-ID': 'billing',
          'content-type': type,
          ...headers,
        },
      }),
  };
}

const RULES = `facts: { amount: args.amount }
rules:
  - { id: big, when: 'action.name == "http.call" && facts.amount > 100.0', decision: approval_required, reason: refund_over_limit }
approvals: { ttl: 10m, hold: 5s }
`;

/** A person answers; durable when it resolves. */
function answer(s: Scene, id: string, type: 'approval.grant' | 'approval.deny') {
  return s.recorder.approvals.answer(
    id,
    (approval) => ({
      ...aboutApproval(type, approval),
      metadata: {
        approval: id,
        approver: 'ada',
        expires_at: new Date(s.recorder.now() + approval.ttl_ms).toISOString(),
      },
    }),
    { surface: 'cli', assurance: 'enforced' },
  );
}

async function waiting(s: Scene): Promise<string> {
  for (;;) {
    const found = s.recorder.approvals.list().find((one) => s.recorder.approvals.status(one) === 'pending');
    if (found !== undefined) return found.id;
    await pause(5);
  }
}

const typesOf = (entries: readonly Entry[]): readonly string[] =>
  entries
    .filter(({ type }) => type === 'http.call' || type.startsWith('approval.'))
    .map(({ type, phase, outcome, decision }) =>
      [type, phase, decision?.outcome, outcome?.status].filter((part) => part !== undefined).join(' '),
    );

test('with hold: 0s a caller is told at once that a person is asked, and a later yes is used', async (t) => {
  const s = await scene(t, RULES.replace('hold: 5s', 'hold: 0s'));
  const asked = await s.post('{"amount":500}');
  assert.deepEqual([asked.status, asked.json().reason], [403, 'policy_approval_required']);
  await answer(s, String(asked.json().approval_id), 'approval.grant');
  assert.equal((await s.post('{"amount":500}')).status, 200);
});

test('a call that wants an approval is held, and made when a person grants it', async (t) => {
  const s = await scene(t, RULES);
  const call = s.post('{"amount":250,"card":"4111111111111111"}');
  const id = await waiting(s);
  assert.equal(s.up.count(), 0);
  await answer(s, id, 'approval.grant');
  assert.equal((await call).status, 200);
  assert.equal(s.up.count(), 1);
  await s.quiet();
  assert.deepEqual(typesOf(entriesOf(s.box.disk)), [
    'http.call pre_exec approval_required',
    'approval.request point pending',
    'approval.grant point',
    'http.call post_exec pending',
    'http.call pre_exec allow',
    'http.call post_exec ok',
  ]);
  const [first, request, , , second] = entriesOf(s.box.disk).filter(({ type }) =>
    /^(http|approval)/.test(type),
  );
  assert.equal(first?.decision?.reason, 'refund_over_limit');
  assert.deepEqual(first?.decision?.inputs?.facts, { amount: 250 });
  assert.equal(second?.parent_id, id);
  assert.equal(second?.decision?.approval?.id, id);
  assert.equal(second?.decision?.approval?.approver, 'ada');
  assert.equal(second?.action?.args_hash, first?.action?.args_hash);
  const shown = String(request?.metadata?.arguments);
  assert.match(shown, /"amount":250/);
  assert.match(shown, /"query":\{"for":"42"\}/);
  assert.doesNotMatch(shown, /4111/);
  const again = s.post('{"amount":250,"card":"4111111111111111"}');
  assert.notEqual(await waiting(s), id, 'a grant is used once');
  await answer(s, await waiting(s), 'approval.deny');
  const denied = await again;
  assert.deepEqual([denied.status, denied.json().reason], [403, 'policy_approval_denied']);
  assert.equal(s.up.count(), 1);
});

/** As lists and counts have them. */
async function rowsOf(s: Scene, type = 'http.call') {
  await s.quiet();
  const { add, query } = memoryIndex();
  for (const entry of entriesOf(s.box.disk)) add(entry as JsonObject);
  const rows = [];
  for await (const row of query.rows({ types: [type] }, { order: 'oldest' })) rows.push(row);
  const { totals } = await query.summary({ types: [type] }, [], 0);
  return { rows, totals };
}

test('a call that was held is one row and one in every count, decided as it ended', async (t) => {
  const s = await scene(t, RULES);
  for (const [type, status, decision, kind] of [
    ['approval.grant', 'ok', 'allow', 'succeeded'],
    ['approval.deny', 'blocked', 'stop', 'stopped'],
  ] as const) {
    const before = (await rowsOf(s)).rows.length;
    const call = s.post(`{"amount":${type === 'approval.deny' ? 300 : 250}}`);
    const id = await waiting(s);
    assert.equal(s.recorder.openActions(), 1, 'while it is held it is open');
    await answer(s, id, type);
    await call;
    const { rows, totals } = await rowsOf(s);
    assert.equal(rows.length, before + 1);
    const last = rows.at(-1);
    assert.deepEqual([last?.status, last?.decision, totals.pending, totals[kind]], [status, decision, 0, 1]);
  }
  assert.equal((await rowsOf(s, 'approval.request')).totals.pending, 0, 'requests are no calls');
});

test('a call that a person let through counts once, and not against itself', async (t) => {
  const s = await scene(t, `${RULES}limits: { per_agent: 2/10m }\n`);
  const call = s.post('{"amount":250}');
  await answer(s, await waiting(s), 'approval.grant');
  assert.equal((await call).status, 200);
  const second = s.post('{"amount":251}');
  await answer(s, await waiting(s), 'approval.grant');
  assert.equal((await second).status, 200, 'the second of two');
  const third = await s.post('{"amount":1}');
  assert.deepEqual([third.status, third.json().reason], [429, 'rate_limited_agent']);
  assert.equal(s.up.count(), 2);
});

test('a caller that was held long enough is told where the approval is, and comes back with it', async (t) => {
  const s = await scene(t, RULES.replace('5s', '1s'));
  const told = await s.post('{"amount":250}');
  assert.equal(told.status, 403);
  const { error, approval_id, expires_at } = told.json();
  assert.equal(error, 'policy_approval_required');
  assert.equal(approval_id, await waiting(s));
  assert.match(String(expires_at), /^\d{4}-.*Z$/);
  await answer(s, String(approval_id), 'approval.grant');
  assert.equal((await s.post('{"amount":251}')).status, 403, 'another amount is another call');
  assert.equal((await s.post('{"amount":250}')).status, 200);
  assert.equal((await s.post('{"amount":250}')).status, 403);
  assert.equal(s.up.count(), 1);
  const async = await s.post('{"amount":252}', { Prefer: 'respond-async' });
  assert.deepEqual([async.status, async.json().reason], [202, 'policy_approval_required']);
  const asked = s.entries().filter(({ outcome }) => outcome?.status === 'pending');
  assert.deepEqual(
    asked.map(({ outcome, metadata }) => [outcome?.status_code, metadata?.resumed]),
    [
      [403, undefined],
      [403, undefined],
      [403, undefined],
      [202, undefined],
    ],
  );
});

test('a caller that goes away while it is held leaves the request, and no call is made for it', async (t) => {
  const s = await scene(t, RULES);
  const gone = new AbortController();
  const call = fetch(`${s.url}/proxy`, {
    method: 'POST',
    signal: gone.signal,
    body: '{"amount":250}',
    headers: {
      'X-AS-Target-URL': `${s.up.origin}/refunds`,
      'X-AS-Inject-Bearer': 'KEY',
      'content-type': 'application/json',
    },
  }).catch(() => 'gone');
  const id = await waiting(s);
  gone.abort();
  assert.equal(await call, 'gone');
  await pause(50);
  await answer(s, id, 'approval.grant');
  await pause(50);
  assert.equal(s.up.count(), 0);
  assert.deepEqual(s.pair().post.outcome?.error_kind, 'client_aborted');
});

test('facts come from JSON and forms that can be read in one way only, and never from what streams past', async (t) => {
  const s = await scene(t, RULES.replace('approval_required', 'stop'));
  const reason = async (body: string, type?: string): Promise<unknown> => {
    const { status, json } = await s.post(body, {}, type);
    return status === 200 ? 'allow' : json().reason;
  };
  assert.equal(await reason('{"amount":100}'), 'allow');
  assert.equal(await reason('{"amount":100.5}'), 'refund_over_limit');
  assert.notEqual(await reason('{"amount":1e400}'), 'allow');
  for (const body of [
    '{"amount":1,"amount":99999}',
    '{"amount":1,"\\u0061mount":99999}',
    '{"amount":99999999999999999999}',
    '{"other":1}',
    'nonsense',
    '[1]',
    '',
  ])
    assert.equal(await reason(body), 'rule_error', body);
  assert.equal(
    await reason('amount=1', 'application/x-www-form-urlencoded'),
    'rule_error',
    'a text is no number',
  );
  assert.equal(await reason('{"amount":1}', 'text/plain'), 'args_unavailable');
  assert.equal(s.up.count(), 1);
});

test('a rule that asks whether there is an amount is not passed by one in an odd form', async (t) => {
  const guarded = RULES.replace('facts.amount >', 'has(facts.amount) && facts.amount >');
  const s = await scene(t, guarded.replace('approval_required', 'stop'));
  const form = 'application/x-www-form-urlencoded';
  const odd: [string, string?][] = [
    ['{"amount":1,"amount":99999}'],
    ['{"amount":[99999]}'],
    ['{"amount":{"value":99999}}'],
    [`{"amount":"${'0'.repeat(70)}99999"}`],
    ['{"amount":1e400}'],
    ['[{"amount":99999}]'],
    ['{"amount":99999} // so much'],
    ['amount=1&amount=99999', form],
  ];
  for (const [body, type] of odd) {
    const { status, json } = await s.post(body, {}, type);
    assert.equal(status, 403, body);
    assert.equal(json().reason, 'rule_error', body);
  }
  assert.equal(s.up.count(), 0);
  for (const body of ['{"amount":99}', '{"other":[1]}', '{"amount":null}', ''])
    assert.equal((await s.post(body)).status, 200, body);
  const many = 'a=&'.repeat(300_000);
  const started = performance.now();
  assert.equal((await s.post(many, {}, form)).status, 200);
  assert.ok(performance.now() - started < 5_000);
});

test('a rate limit is a 429 that says when to come back', async (t) => {
  const s = await scene(t, 'limits: { per_agent: 2/10s }\n');
  assert.equal((await s.post('{}')).status, 200);
  s.box.clock.ms += 3_500;
  assert.equal((await s.post('{}')).status, 200);
  const limited = await s.post('{}');
  assert.deepEqual([limited.status, limited.headers['retry-after']], [429, '7']);
  assert.equal(limited.json().reason, 'rate_limited_agent');
  s.box.clock.ms += 7_000;
  assert.equal((await s.post('{}')).status, 200);
});

test('a credential that is missing is said in the record of the call', async (t) => {
  const s = await scene(t, '');
  const missing = await s.post('{}', { 'X-AS-Inject-Bearer': 'NOBODY' });
  assert.equal(missing.status, 502);
  await s.quiet();
  const { pre, post } = s.pair();
  assert.equal(pre.decision?.outcome, 'allow');
  assert.deepEqual([post.outcome?.status, post.outcome?.error_kind], ['error', 'credential_missing']);
  assert.equal(s.up.count(), 0);
});

test('a kill switch ends a call that is held, and it is told so', async (t) => {
  const s = await scene(t, RULES);
  const call = s.post('{"amount":250}');
  await waiting(s);
  const metadata = { scope: 'agent:billing', on: true };
  await s.recorder.record(
    { type: 'killswitch.change', phase: 'point', metadata, outcome: { status: 'ok' } },
    { surface: 'cli', assurance: 'enforced' },
  );
  s.recorder.kills.tell('agent:billing');
  const { status, json } = await call;
  assert.deepEqual([status, json().reason], [403, 'killed']);
  await s.quiet();
  const { outcome } = s.pair().post;
  assert.deepEqual([outcome?.status, outcome?.status_code, outcome?.error_kind], ['aborted', 403, 'killed']);
});

test('under load, no call begins at the upstream after a kill switch is thrown', async (t) => {
  const began: string[] = [];
  const s = await scene(t, '', {}, (request, response) => {
    began.push(request.url ?? '');
    // Some are under way whenever the switch is thrown.
    setTimeout(() => response.end('done'), 20);
  });
  let running = true;
  const answers = new Map<string, number>();
  let calls = 0;
  const callers = Array.from({ length: 40 }, async () => {
    while (running) {
      // So that each can be told apart where it arrives and on record.
      const { status, json } = await s.post('{}', { 'X-AS-Target-URL': `${s.up.origin}/call/${calls++}` });
      const what = status === 200 ? 'ok' : String(json().reason);
      answers.set(what, (answers.get(what) ?? 0) + 1);
    }
  });
  await until(() => began.length > 60, 'many calls');
  const { id, index } = await s.recorder.record(
    {
      type: 'killswitch.change',
      phase: 'point',
      metadata: { scope: 'agent:billing', on: true },
      outcome: { status: 'ok' },
    },
    { surface: 'cli', assurance: 'enforced' },
  );
  const { aborted } = s.recorder.kills.tell('agent:billing');
  const before = began.length;
  await pause(300);
  running = false;
  await Promise.all(callers);
  await s.quiet();
  const entries = s.entries('http.call').filter(({ phase }) => phase === 'pre_exec');
  const place = new Map(entries.map(({ action, index }) => [action?.target?.path, index]));
  const late = began.filter((path) => (place.get(path) ?? Number.POSITIVE_INFINITY) > index);
  assert.deepEqual(late, [], 'calls that began after the switch was thrown');
  const inFlight = began.length - before;
  assert.ok(before > 10, `${before} calls before`);
  assert.ok(aborted > 0 && aborted <= 40, `${aborted} calls ended`);
  assert.ok(inFlight <= 40, `${inFlight} were on their way`);
  assert.ok((answers.get('killed_agent') ?? 0) > 0);
  const ended = s.entries('http.call').filter(({ outcome }) => outcome?.error_kind === 'killed');
  // One that was not decided yet was found too, and is stopped by its decision.
  assert.ok(ended.length > 0 && ended.length <= aborted, `${ended.length} of ${aborted} ended`);
  for (const { outcome } of ended) assert.equal(outcome?.status, 'aborted');
  const stopped = s.entries('http.call').find(({ decision }) => decision?.reason === 'killed_agent');
  assert.deepEqual(stopped?.decision?.inputs?.kill, [{ scope: 'agent:billing', id }]);
  t.diagnostic(
    `${before} began before, ${inFlight} were on their way, ${aborted} ended, ${late.length} began after`,
  );
});
