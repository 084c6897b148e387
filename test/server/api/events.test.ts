/** What programs tell of themselves over HTTP, and the client in Python that does. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { bearer, stage } from './stage.ts';

const POLICY = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: []
rules:
  - { id: no-mail, when: 'action.name == "mail.send"', decision: stop, reason: no_mail }
`;
const id = (n: number): string => `log_${String(n).padStart(26, '0')}`;
const note = (n: number, more: object = {}) => ({
  id: id(n),
  type: 'step.note',
  phase: 'point',
  run_id: 'mine',
  ...more,
});

describe('POST /v1/events', () => {
  it('records events in their order, once, as the program’s own word', async (t) => {
    const { ask, entries } = await stage(t);
    const events = [
      { id: id(1), type: 'run.start', phase: 'point', run_id: 'mine', actor: { agent_id: 'py' } },
      {
        id: id(2),
        type: 'tool.call',
        phase: 'pre_exec',
        run_id: 'mine',
        action: { name: 'x', args: { a: 1 } },
      },
      { id: id(3), type: 'tool.result', phase: 'post_exec', parent_id: id(2), outcome: { status: 'ok' } },
      { id: id(4), type: 'run.end', phase: 'point', run_id: 'mine', outcome: { status: 'ok' } },
    ];
    const first = await ask('/v1/events', { events });
    assert.deepEqual(
      first.body.results.map(({ status }) => status),
      [200, 200, 200, 200],
    );
    const again = await ask('/v1/events', { events });
    assert.deepEqual(
      again.body.results.map(({ body }) => body.known),
      [true, true, true, true],
    );
    const written = entries().filter(({ source }) => source.surface === 'http');
    assert.deepEqual(
      written.map((entry) => entry.id),
      [1, 2, 3, 4].map(id),
    );
    for (const { source } of written) assert.equal(source.assurance, 'self_reported');
    const [start, before, after] = written;
    assert.equal(start?.quality?.run_id, 'asserted');
    assert.equal(start?.actor?.identity_level, 'declared');
    assert.equal(after?.action?.key, before?.action?.key, 'an end repeats its beginning');
    assert.match(before?.action?.args_hash ?? '', /^[0-9a-f]{64}$/);
  });

  it('refuses one event without the others: what the recorder writes itself, misspelt members, ends of nothing', async (t) => {
    const { ask, entries } = await stage(t);
    const { body } = await ask('/v1/events', {
      events: [
        note(1),
        { type: 'approval.grant', phase: 'point' },
        { type: 'decision.made', phase: 'pre_exec' },
        note(2, { arguments: 1 }),
        { type: 'run.start', phase: 'point' },
        { type: 'tool.result', phase: 'post_exec', outcome: { status: 'ok' } },
        note(3, { metadata: { imported: { from: 'x' } } }),
        note(4),
      ],
    });
    assert.deepEqual(
      body.results.map(({ status }) => status),
      [200, 400, 400, 400, 400, 400, 400, 200],
    );
    assert.deepEqual(
      entries('step.note').map((entry) => entry.id),
      [id(1), id(4)],
    );
  });

  it('lets nobody tell of a run that was started on the record but with its token', async (t) => {
    const { ask, handle, entries } = await stage(t);
    const run = await handle('run.start', { agent_id: 'worker' }, { surface: 'cli' });
    const stranger = await ask('/v1/events', { events: [note(1, { run_id: run.run_id })] });
    assert.equal(stranger.body.results[0]?.status, 400);
    const own = await ask(
      '/v1/events',
      { events: [note(2), note(3, { run_id: run.run_id })] },
      bearer(run.token),
    );
    assert.deepEqual(
      own.body.results.map(({ status }) => status),
      [400, 200],
    );
    const [entry] = entries('step.note');
    assert.equal(entry?.run_id, run.run_id);
    assert.equal(entry?.quality?.run_id, undefined, 'its token proves the run');
    const bad = await ask('/v1/events', { events: [note(4)] }, bearer('agt_nonsense'));
    assert.equal(bad.status, 401);
  });

  it('takes a gap of what a program could not have recorded, in the form of every gap', async (t) => {
    const { ask, entries } = await stage(t);
    const [from, to] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z'];
    const gap = {
      surface: 'sdk',
      from,
      to,
      count: 3,
      what: ['3 × user.message'],
      why: 'RECORDER_UNAVAILABLE',
    };
    const { body } = await ask('/v1/events', {
      events: [
        { id: id(1), type: 'log.gap', phase: 'point', metadata: gap },
        { id: id(2), type: 'log.gap', phase: 'point', metadata: { ...gap, count: 'many' } },
      ],
    });
    assert.deepEqual(
      body.results.map(({ status }) => status),
      [200, 400],
    );
    const [entry] = entries('log.gap');
    assert.deepEqual(entry?.metadata, { ...gap, ungoverned: true });
    assert.equal(entry?.quality?.metadata, 'asserted');
  });

  it('answers any JSON with a 200 or a 400, and nothing of it breaks the recorder', async (t) => {
    const { ask } = await stage(t);
    const event = fc.record(
      {
        type: fc.oneof(fc.constantFrom('step.note', 'run.start', 'tool.result', 'log.gap'), fc.string()),
        phase: fc.oneof(fc.constantFrom('point', 'post_exec'), fc.jsonValue()),
        run_id: fc.oneof(fc.string(), fc.jsonValue()),
        metadata: fc.jsonValue(),
        action: fc.oneof(fc.record({ name: fc.string(), args: fc.jsonValue() }), fc.jsonValue()),
        payload: fc.oneof(
          fc.record({ media_type: fc.string(), class: fc.string(), data: fc.string() }),
          fc.jsonValue(),
        ),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.record({ events: fc.array(event, { maxLength: 4 }) }), fc.jsonValue()),
        async (body) => {
          const answer = await ask('/v1/events', JSON.stringify(body));
          assert.ok(answer.status === 200 || answer.status === 400, String(answer.status));
          for (const { status } of answer.body.results ?? []) assert.ok(status === 200 || status === 400);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('ends no action that a guard holds', async (t) => {
    const { ask, handle } = await stage(t);
    const client = { surface: 'sdk' } as const;
    const run = await handle('run.start', { agent_id: 'worker' }, client);
    const begun = await handle(
      'act.begin',
      { run_token: run.token, type: 'tool.call', action: { name: 'x' }, step_id: '1' },
      client,
    );
    assert.equal(begun.proceed, true);
    const end = { type: 'tool.result', phase: 'post_exec', parent_id: begun.id, outcome: { status: 'ok' } };
    const told = await ask('/v1/events', { events: [end] }, bearer(run.token));
    assert.equal(told.body.results[0]?.status, 400);
    const ended = { run_token: run.token, id: begun.id, end_id: id(9), outcome: { status: 'ok' } } as const;
    assert.equal((await handle('act.end', ended, client)).id, id(9));
  });
});

it('the client in Python writes a run: messages, a model, an action that is allowed and one that is stopped', async (t) => {
  const { origin, entries } = await stage(t, { policy: POLICY });
  const script = fileURLToPath(new URL('../../../examples/python/agent.py', import.meta.url));
  const { TALLY_RUN_TOKEN: _run, TALLY_AGENT_TOKEN: _agent, ...env } = process.env;
  const { stdout } = await promisify(execFile)('python3', [script], {
    env: { ...env, TALLY_URL: origin, PYTHONDONTWRITEBYTECODE: '1' },
  });
  assert.equal(stdout, 'stopped: no_mail\nsum: 1250\n');
  const own = entries().filter(({ source }) => source.surface === 'http');
  assert.deepEqual(
    own.map(({ type, phase, outcome }) => [type, phase, outcome?.status]),
    [
      ['run.start', 'point', undefined],
      ['user.message', 'point', undefined],
      ['model.call', 'pre_exec', undefined],
      ['model.response', 'post_exec', 'ok'],
      ['decision.made', 'pre_exec', undefined],
      ['decision.made', 'post_exec', 'ok'],
      ['decision.made', 'pre_exec', undefined],
      ['decision.made', 'post_exec', 'blocked'],
      ['run.end', 'point', 'ok'],
    ],
  );
  assert.equal(new Set(own.map(({ run_id }) => run_id)).size, 1);
  assert.deepEqual(
    own.filter(({ phase }) => phase !== 'post_exec').flatMap(({ step_id }) => step_id ?? []),
    ['1', '2', '3', '4'],
  );
});
