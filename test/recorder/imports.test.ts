import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import type { Entry, Event } from '../../src/core/entry.ts';
import type { ImportFormat } from '../../src/core/import/decoder.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { judgeCompleteness } from '../../src/core/query/completeness.ts';
import { isChained, type ViewInput } from '../../src/core/view/view.ts';
import { VIEWS, type ViewName } from '../../src/core/view/views.ts';
import { eventsOf, lines, readAll } from '../core/import/read.ts';
import { entriesOf, machine } from '../support/recorder.ts';
import { PERSON, serve } from '../support/serve.ts';
import { assertVerifies } from '../support/verify.ts';

const BEGIN = 'log_01HZZZZZZZZZZZZZZZZZZZZZZ0';
const END = 'log_01HZZZZZZZZZZZZZZZZZZZZZZ1';

async function imported(
  box: Awaited<ReturnType<typeof machine>>,
  events: readonly Event[],
): Promise<readonly Entry[]> {
  const { recorder, handle } = await serve(box);
  const { import_id } = await handle('import.begin', { id: BEGIN, format: 'test', file: 'f' }, PERSON);
  const { rows } = await handle('import.rows', { import_id, rows: [...events] }, PERSON);
  assert.deepEqual(
    rows.filter((row) => 'refused' in row),
    [],
  );
  await handle(
    'import.end',
    { id: END, import_id, status: 'ok', counts: { read: events.length }, bytes: 1 },
    PERSON,
  );
  await recorder.close('test');
  await assertVerifies(box);
  return entriesOf(box.disk).filter(({ metadata }) => metadata?.imported !== undefined);
}

const PAIR = lines(
  {
    run_id: 'r',
    step_id: 's',
    action: 'refund',
    action_key: 'k',
    actor: 'bot',
    phase: 'pre_exec',
    decision: 'allow',
  },
  {
    run_id: 'r',
    step_id: 's',
    action: 'refund',
    action_key: 'k',
    actor: 'bot',
    phase: 'post_exec',
    result: 'ok',
  },
  { run_id: 'r', step_id: 't', action: 'refund', action_key: 'l', actor: 'bot', phase: 'pre_exec' },
);

test('imported halves are no open actions of this machine: nothing ends them at a close or after a start', async () => {
  const box = await machine();
  const entries = await imported(box, eventsOf(readAll('agentpatterns', PAIR).items));
  assert.equal(entries.length, 3);
  const { recorder } = await serve({ ...box, open: () => box.open({ orphanGraceMs: 1 }) });
  await new Promise((resolve) => setTimeout(resolve, 30));
  await recorder.close('test');
  assert.equal(entriesOf(box.disk).filter(({ outcome }) => outcome?.status === 'unknown').length, 0);
  const judge = judgeCompleteness();
  for (const entry of entriesOf(box.disk)) judge.see(entry as unknown as JsonObject);
  const found = judge.finish(false);
  assert.deepEqual(
    found.imported_without_end.map(({ index }) => index),
    [entries[2]?.index],
  );
  assert.equal(found.without_end_count, 0);
});

test('an import is on record with who did it and what came of it', async () => {
  const box = await machine();
  await imported(box, eventsOf(readAll('agentpatterns', PAIR).items));
  const [begun, ended] = entriesOf(box.disk).filter(({ type }) => type === 'log.import');
  assert.deepEqual([begun?.phase, ended?.phase, ended?.parent_id], ['pre_exec', 'post_exec', begun?.id]);
  assert.equal(begun?.actor?.role, 'owner');
  assert.equal(ended?.quality?.metadata, 'asserted');
});

test('rows keep their order, also where some bring payloads and others none', async () => {
  const box = await machine();
  const { recorder, handle } = await serve({ ...box, open: () => box.open({ payloads: {} }) });
  const { import_id } = await handle('import.begin', { id: BEGIN, format: 'test', file: 'f' }, PERSON);
  const messages = Array.from({ length: 40 }, (_, i) => ({
    type: i % 3 === 0 ? 'system' : 'user',
    uuid: `u${i}`,
    sessionId: `s${i % 7}`,
    message: { content: `text ${i}` },
  }));
  const rows = eventsOf(readAll('claude-code', lines(...messages)).items);
  await handle('import.rows', { import_id, rows: [...rows] }, PERSON);
  await recorder.close('test');
  const entries = entriesOf(box.disk).filter(({ metadata }) => metadata?.imported !== undefined);
  assert.deepEqual(
    entries.map(({ id }) => id),
    rows.map(({ id }) => id),
  );
  assert.ok(entries.some(({ payload }) => payload !== undefined));
});

describe('the writer', () => {
  const row = eventsOf(readAll('agentpatterns', PAIR).items)[0] as Event;

  it('adds nothing twice, and says which rows it had', async () => {
    const { recorder, handle } = await serve(await machine());
    const { import_id } = await handle('import.begin', { id: BEGIN, format: 'test', file: 'f' }, PERSON);
    const [first] = (await handle('import.rows', { import_id, rows: [row] }, PERSON)).rows;
    const [again] = (await handle('import.rows', { import_id, rows: [row] }, PERSON)).rows;
    assert.deepEqual(again, { ...first, known: true });
    await recorder.close('test');
  });

  it('takes from no file who was checked, nor which policy decided', async () => {
    const box = await machine();
    const snapshot = { hash: 'ab'.repeat(32), captured_at: 'x' };
    const [entry] = await imported(box, [
      {
        ...row,
        actor: { agent_id: 'bot', identity_level: 'issued', agent_token_id: 'tok', role: 'owner' },
        decision: {
          outcome: 'allow',
          reason: 'said',
          layers: [{ layer: 'allowlist', result: 'pass' }],
          snapshot,
          inputs: {},
          policy: { id: 'p', version: '1', hash: 'ab' },
          engine: 'tallystick 9',
          enforced: true,
          evidence: 'made up',
        },
        outcome: { status: 'ok', late: true, redaction: { count: 1, rules: { card: 1 } } },
        quality: { actor: 'verified' },
      },
    ]);
    assert.deepEqual(entry?.actor, { agent_id: 'bot', identity_level: 'declared' });
    assert.deepEqual(entry?.decision, { outcome: 'allow', reason: 'said', layers: [] });
    assert.deepEqual(entry?.outcome, { status: 'ok' });
    assert.equal(entry?.quality?.actor, 'asserted');
    assert.equal(entry?.source.assurance, 'self_reported');
  });

  it('takes no row of a type that would change something here, and goes on with the others', async () => {
    const { recorder, handle } = await serve(await machine());
    const { import_id } = await handle('import.begin', { id: BEGIN, format: 'test', file: 'f' }, PERSON);
    for (const type of ['policy.change', 'token.issue', 'log.open', 'key.rotate'])
      await assert.rejects(handle('import.rows', { import_id, rows: [{ ...row, type }] }, PERSON), {
        code: 'BAD_EVENT',
      });
    const large = { ...row, id: `log_${'0'.repeat(26)}`, reason: 'x'.repeat(1_000) };
    const { rows } = await handle('import.rows', { import_id, rows: [large, row] }, PERSON);
    assert.ok(rows[0] !== undefined && 'refused' in rows[0]);
    assert.ok(rows[1] !== undefined && 'index' in rows[1]);
    await recorder.close('test');
  });

  it('lets nobody but an operator import, and no client say that it imported', async () => {
    const { recorder, handle } = await serve(await machine());
    const agent = { ...PERSON, detected: { agent: 'some-agent', signals: ['X'] } };
    await assert.rejects(handle('import.begin', { id: BEGIN, format: 'test', file: 'f' }, agent), {
      code: 'OPERATOR_REQUIRED',
    });
    const event = { type: 'custom', phase: 'point', metadata: { imported: { format: 'x' } } } as const;
    await assert.rejects(handle('record', { event }, PERSON), { code: 'BAD_EVENT' });
    await recorder.close('test');
  });
});

/** Formats that are read as well. */
type Both = Exclude<ViewName, 'otlp'>;

/** As an index folds them: an end stands with what it ends. */
function callsOf(entries: readonly Entry[]): readonly ViewInput[] {
  const all = entries as unknown as readonly JsonObject[];
  const ends = new Map(all.filter(({ phase }) => phase === 'post_exec').map((end) => [end.parent_id, end]));
  return all
    .filter(({ phase, parent_id }) => phase !== 'post_exec' || !all.some(({ id }) => id === parent_id))
    .map((first) => {
      const last = ends.get(first.id);
      return first.phase === 'pre_exec' && last !== undefined ? { first, last } : { first };
    });
}

function exported(name: Both, entries: readonly Entry[]): readonly JsonObject[] {
  const view = VIEWS[name];
  const records = callsOf(entries).flatMap((call) => view.records(call));
  return isChained(view) ? records.map(view.chain()) : records;
}

/** What each format does not carry through an import: the writer's own, and what only a check may say. */
// biome-ignore format: a line a format
const LOST: Readonly<Record<Both, readonly string[]>> = {
  agentsecrets: ['id', 'timestamp', 'workspace_id', 'agent_token_id', 'identity_level', 'caller_role', 'allowlist_snapshot'],
  secretspec: ['id', 'ts', 'seq', 'version'],
  agentpatterns: ['tenant_id', 'action_key', 'args_hash', 'timestamp'],
  agentlogsafe: ['event_id', 'timestamp', 'parent_event_id', 'payload', 'metadata'],
  fullmakt: ['timestamp', 'args_hash', 'prevHash', 'chainHash'],
};

function without(records: readonly JsonObject[], names: readonly string[]): readonly JsonObject[] {
  return records.map((record) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name))),
  );
}

const SAMPLES: Readonly<Record<Both, string>> = {
  agentsecrets: lines(
    {
      id: '1',
      timestamp: '2026-01-01T00:00:00Z',
      project_id: 'p',
      agent_id: 'a',
      credential_ref: 'K,L',
      injection_style: 'bearer,header',
      resolution_path: 'vault,vault',
      target_domain: 'h',
      target_url: 'https://h/x',
      method: 'GET',
      status_code: 200,
      duration_ms: 3,
      redacted: false,
      error: null,
    },
    {
      id: '2',
      agent_id: 'a',
      target_domain: 'h',
      target_url: 'http://h:81/y',
      method: 'POST',
      error: 'domain_not_in_allowlist',
    },
  ),
  secretspec: lines(
    {
      v: 1,
      ts: '2026-01-01T00:00:00Z',
      session_id: 's',
      seq: 4,
      action: 'get',
      project: 'p',
      profile: 'q',
      key: 'K',
      provider: 'keyring://',
      ref: 'r',
      outcome: 'found',
      reason: 'why',
      caller: { name: 'sdk' },
      actor: { user: 'u', agent: 'a', is_agent: true },
    },
    {
      v: 1,
      session_id: 's',
      action: 'check',
      keys: ['A', 'B'],
      outcome: 'missing',
      actor: { user: 'u', is_agent: false },
    },
    {
      v: 1,
      session_id: 's',
      action: 'set',
      key: 'K',
      outcome: 'error',
      error_kind: 'locked',
      actor: { user: 'u', is_agent: false },
    },
  ),
  agentpatterns: PAIR,
  agentlogsafe: lines(
    {
      schema_version: '1.0',
      event_id: 'a',
      run_id: 'r',
      event_type: 'tool_call',
      agent_name: 'b',
      workflow_name: 'w',
      tool_name: 't',
      payload: {},
      risk: { level: 'low' },
      metadata: { x: 1 },
    },
    {
      schema_version: '1.0',
      event_id: 'b',
      run_id: 'r',
      event_type: 'tool_result',
      agent_name: 'b',
      tool_name: 't',
      parent_event_id: 'a',
      status: 'ok',
      payload: {},
      metadata: {},
    },
    {
      schema_version: '1.0',
      event_id: 'c',
      run_id: 'r',
      event_type: 'model_response',
      agent_name: 'b',
      provider: 'x',
      model: 'y',
      status: 'ok',
      payload: {},
    },
    {
      schema_version: '1.0',
      event_id: 'd',
      run_id: 'r',
      event_type: 'run_end',
      agent_name: 'b',
      status: 'error',
      payload: {},
    },
  ),
  fullmakt: lines(
    {
      principal: 'a',
      on_behalf_of: 'u',
      method: 'GET',
      host: 'h',
      latency_ms: 4,
      decision: 'allow',
      credential_ref: 'K',
      status: 200,
      error: null,
    },
    { principal: 'a', method: 'search', decision: 'stop', status: 'blocked', error: 'denied' },
  ),
};

for (const name of Object.keys(SAMPLES) as Both[]) {
  test(`what is exported as ${name} comes out the same after it was imported, but for what the format loses`, async () => {
    const read = (text: string): readonly Event[] => eventsOf(readAll(name as ImportFormat, text).items);
    const once = exported(name, await imported(await machine(), read(SAMPLES[name])));
    assert.ok(once.length >= 2);
    const twice = exported(name, await imported(await machine(), read(lines(...once))));
    assert.deepEqual(without(twice, LOST[name]), without(once, LOST[name]));
    const given = SAMPLES[name]
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as JsonObject);
    const kept = without(once, LOST[name]);
    without(given, LOST[name]).forEach((record, i) => {
      for (const [member, value] of Object.entries(record))
        assert.deepEqual(kept[i]?.[member] ?? null, value, `${member} of record ${i}`);
    });
  });
}
