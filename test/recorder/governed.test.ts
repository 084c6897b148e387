import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Event } from '../../src/core/entry.ts';
import type { CompiledPolicy } from '../../src/core/policy/compiled.ts';
import { compilePolicy } from '../../src/core/policy/load.ts';
import { policyInForce } from '../../src/core/policy/snapshot.ts';
import type { Decision, DecisionRequest, Identity } from '../../src/core/policy/types.ts';
import type { Acted, Ask } from '../../src/recorder/api.ts';
import { aboutApproval } from '../../src/recorder/approvals.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { entriesOf, type Machine, machine, POLICY } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const PROXY = { surface: 'proxy', assurance: 'enforced' } as const;
const CLI = { surface: 'cli', assurance: 'enforced' } as const;

const policy = (more: Partial<CompiledPolicy>) =>
  policyInForce({ ...compilePolicy(POLICY, { id: 'local' }).compiled, ...more });

const ASKING = policy({
  tools: { 'refund.create': { tiers: { interactive: { permission: 'approval_required' } } } },
  approvals: { ttl_ms: 600_000, hold_ms: 30_000, approver_may_be_requester: false },
});

interface Say {
  readonly agent?: string;
  readonly tool?: string;
  readonly args?: unknown;
  readonly run?: string;
}

function asked({ agent = 'billing-tool', tool, args, run }: Say = {}): Ask {
  const identity: Identity = { level: 'declared', agent_id: agent };
  const request: DecisionRequest = {
    tenant_id: 'local',
    ...(run === undefined ? {} : { run_id: run }),
    action:
      tool === undefined
        ? {
            name: 'http.call',
            target: { scheme: 'https', host: 'api.example.com', port: 443, path: '/x', method: 'GET' },
          }
        : { name: tool, tool: { name: tool } },
    ...(args === undefined ? {} : { args: 'whole' }),
    credentials: [],
  };
  return { request, identity, ...(args === undefined ? {} : { args }) };
}

const begin = (decision: Decision): Event => ({ type: 'tool.call', phase: 'pre_exec', decision });
const act = (recorder: LocalRecorder, say?: Say): Promise<Acted> => recorder.act(asked(say), begin, PROXY);

/** A person says yes or no. */
function answer(recorder: LocalRecorder, id: string, type = 'approval.grant') {
  return recorder.approvals.answer(
    id,
    (approval) => ({
      ...aboutApproval(type, approval),
      metadata: {
        approval: id,
        approver: 'ada',
        expires_at: new Date(recorder.now() + approval.ttl_ms).toISOString(),
      },
    }),
    CLI,
  );
}

async function using(
  at: Machine,
  now: ReturnType<typeof policy>,
  options: Parameters<Machine['open']>[0] = {},
): Promise<LocalRecorder> {
  const recorder = await at.open(options);
  await recorder.usePolicy(now);
  await recorder.counted();
  return recorder;
}

describe('sliding windows', () => {
  const rated = policy({ limits: { per_agent: { count: 3, window_ms: 10_000 } } });

  it('let as many calls through as the policy says, however many come at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 30 }), async (count, n) => {
        const at = await machine();
        const recorder = await using(at, policy({ limits: { per_agent: { count, window_ms: 10_000 } } }));
        const answers = await Promise.all(Array.from({ length: n }, () => act(recorder)));
        const allowed = answers.filter(({ decision }) => decision.outcome === 'allow').length;
        assert.equal(allowed, Math.min(count, n));
        for (const { decision } of answers)
          if (decision.outcome !== 'allow') assert.equal(decision.reason, 'rate_limited_agent');
        await recorder.close('test');
        await assertVerifies(at);
      }),
      { numRuns: 25 },
    );
  });

  it('do so too where payloads take their time before the turn', async () => {
    const at = await machine();
    const recorder = await using(at, rated, { payloads: { keep: { 'tool.call': 'redacted' } } });
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => {
        const data = { media_type: 'text/plain', class: `c${i % 3}`, data: `text ${i}` };
        const payload = { type: 'tool.call', data };
        return recorder.act({ ...asked(), ...(i % 2 === 0 ? { payload } : {}) }, begin, PROXY);
      }),
    );
    assert.equal(answers.filter(({ decision }) => decision.outcome === 'allow').length, 3);
    await recorder.close('test');
    const kept = entriesOf(at.disk).filter(({ payload }) => payload !== undefined);
    assert.equal(kept.length, 6);
  });

  it('say when one more fits, and one more fits then', async () => {
    const at = await machine();
    const recorder = await using(at, rated);
    for (let i = 0; i < 3; i++) {
      assert.equal((await act(recorder)).decision.outcome, 'allow');
      at.clock.ms += 1_000;
    }
    const { decision } = await act(recorder);
    assert.equal(decision.outcome, 'stop');
    assert.equal(decision.retry_after_ms, 7_000);
    at.clock.ms += 6_999;
    assert.equal((await act(recorder)).decision.outcome, 'stop');
    at.clock.ms += 1;
    assert.equal((await act(recorder)).decision.outcome, 'allow');
    await recorder.close('test');
  });

  it('do not count calls that an earlier layer stopped, nor those of others', async () => {
    const at = await machine();
    const recorder = await using(at, rated);
    const elsewhere = asked();
    const other: Ask = {
      ...elsewhere,
      request: {
        ...elsewhere.request,
        action: { name: 'http.call', target: { scheme: 'https', host: 'other.example', method: 'GET' } },
      },
    };
    for (let i = 0; i < 5; i++) await recorder.act(other, begin, PROXY);
    for (let i = 0; i < 5; i++) await act(recorder, { agent: 'somebody-else' });
    for (let i = 0; i < 3; i++) assert.equal((await act(recorder)).decision.outcome, 'allow');
    assert.equal((await act(recorder)).decision.outcome, 'stop');
    await recorder.close('test');
  });

  it('answer the same after a restart, with the snapshot beside the log and with the log alone', async () => {
    for (const keepsSnapshot of [true, false]) {
      const at = await machine();
      const first = await using(at, rated);
      for (let i = 0; i < 3; i++) await act(first);
      await first.close('test');
      if (!keepsSnapshot) at.registry.clear();
      at.clock.ms += 5_000;
      const recorder = await using(at, rated);
      const { decision } = await act(recorder);
      assert.equal(decision.reason, 'rate_limited_agent');
      assert.equal(decision.retry_after_ms, 5_000);
      await recorder.close('test');
    }
  });

  it('that a new policy asks for know the calls from before it', async () => {
    const at = await machine();
    const recorder = await at.open();
    for (let i = 0; i < 3; i++) await act(recorder);
    await recorder.usePolicy(rated);
    await recorder.counted();
    assert.equal((await act(recorder)).decision.reason, 'rate_limited_agent');
    await recorder.close('test');
  });

  it('are neither opened nor locked for ever by a clock that jumps', async () => {
    const HOUR = 3_600_000;
    for (const jump of [-HOUR, HOUR, -365 * 24 * HOUR, 365 * 24 * HOUR]) {
      const at = await machine();
      let monotonic = 0;
      const recorder = await using(at, rated, { monotonic: () => monotonic });
      const pass = (ms: number): void => {
        at.clock.ms += ms;
        monotonic += ms;
      };
      for (let i = 0; i < 3; i++) await act(recorder);
      at.clock.ms += jump;
      assert.equal((await act(recorder)).decision.outcome, 'stop', `right after a jump of ${jump}`);
      pass(9_999);
      assert.equal((await act(recorder)).decision.outcome, 'stop');
      pass(1);
      assert.equal((await act(recorder)).decision.outcome, 'allow', `a window after a jump of ${jump}`);
      await recorder.close('test');
    }
  });

  it('end in time when the clock was set back while nothing ran', async () => {
    const at = await machine();
    const first = await using(at, rated);
    for (let i = 0; i < 3; i++) await act(first);
    await first.close('test');
    at.clock.ms -= 365 * 86_400_000;
    const recorder = await using(at, rated);
    assert.equal((await act(recorder)).decision.outcome, 'stop');
    at.clock.ms += 10_001;
    assert.equal((await act(recorder)).decision.outcome, 'allow');
    await recorder.close('test');
  });
});

describe('budgets', () => {
  it('end a run that has used its steps, its money, or its time, or repeats itself', async () => {
    const at = await machine();
    const run = (recorder: LocalRecorder, name: string, args?: unknown) =>
      act(recorder, { run: name, ...(args === undefined ? {} : { args }) });
    const recorder = await using(
      at,
      policy({ budgets: { max_steps: 4, max_usd: 1, max_seconds: 60, max_repeat_action: 2 } }),
    );
    assert.equal((await run(recorder, 'r1', 1)).decision.outcome, 'allow');
    assert.equal((await run(recorder, 'r1', 1)).decision.outcome, 'allow');
    assert.equal((await run(recorder, 'r1', 1)).decision.reason, 'loop_detected');
    assert.equal((await run(recorder, 'r1', 2)).decision.outcome, 'allow');
    assert.equal((await run(recorder, 'r1', 3)).decision.outcome, 'allow');
    assert.equal((await run(recorder, 'r1', 4)).decision.reason, 'max_steps');
    const dear = await run(recorder, 'r2', 1);
    await recorder.record(
      {
        type: 'tool.call',
        phase: 'post_exec',
        parent_id: dear.receipt.id,
        outcome: { status: 'ok', usage: { cost_usd: 1 } },
      },
      PROXY,
    );
    assert.equal((await run(recorder, 'r2', 2)).decision.reason, 'max_usd');
    assert.equal((await run(recorder, 'r3', 2)).decision.outcome, 'allow');
    at.clock.ms += 60_000;
    assert.equal((await run(recorder, 'r3', 3)).decision.reason, 'max_seconds');
    await recorder.close('test');
  });
});

describe('approvals', () => {
  it('are asked for once, granted by a name, and used once', async () => {
    const at = await machine();
    const recorder = await using(at, ASKING);
    const say: Say = { tool: 'refund.create', args: { amount: 12_000, card: '4111111111111111' } };
    const first = await act(recorder, say);
    assert.equal(first.decision.outcome, 'approval_required');
    const id = first.approval?.id ?? '';
    assert.equal((await act(recorder, say)).approval?.id, id, 'whoever asks again waits for the same');
    assert.notEqual((await act(recorder, { ...say, args: { amount: 12_001 } })).approval?.id, id);
    await answer(recorder, id);
    const { decision, receipt } = await act(recorder, say);
    assert.equal(decision.outcome, 'allow');
    assert.equal(decision.approval?.id, id);
    assert.equal(decision.approval?.approver, 'ada');
    const again = await act(recorder, say);
    assert.equal(again.decision.outcome, 'approval_required');
    assert.notEqual(again.approval?.id, id);
    await recorder.close('test');
    const log = entriesOf(at.disk);
    const request = log.find((entry) => entry.id === id);
    assert.equal(request?.type, 'approval.request');
    assert.equal(request?.parent_id, first.receipt.id);
    assert.equal(request?.action?.key, log[first.receipt.index]?.action?.key);
    assert.equal(request?.action?.args_hash, log[first.receipt.index]?.action?.args_hash);
    assert.equal(request?.metadata?.arguments, '{"amount":12000,"card":"[REDACTED:card]"}');
    assert.equal(request?.metadata?.hidden, 1);
    assert.deepEqual(request?.metadata?.requester, { agent_id: 'billing-tool', claimed: true });
    const used = log[receipt.index];
    assert.equal(used?.parent_id, id);
    assert.equal(used?.action?.args_hash, request?.action?.args_hash);
    await assertVerifies(at);
  });

  it('are used by one of many calls that come at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 25 }), async (n) => {
        const at = await machine();
        const recorder = await using(at, ASKING);
        const say: Say = { tool: 'refund.create', args: { amount: 1 } };
        const { approval } = await act(recorder, say);
        await answer(recorder, approval?.id ?? '');
        const answers = await Promise.all(Array.from({ length: n }, () => act(recorder, say)));
        assert.equal(answers.filter(({ decision }) => decision.outcome === 'allow').length, 1);
        // All the others wait for one and the same.
        const waiting = new Set(
          answers.flatMap((one) => (one.approval === undefined ? [] : [one.approval.id])),
        );
        assert.equal(waiting.size, 1);
        await recorder.close('test');
      }),
      { numRuns: 20 },
    );
  });

  it('belong to one caller, and to one policy', async () => {
    const at = await machine();
    const recorder = await using(at, ASKING);
    const say: Say = { tool: 'refund.create', args: { amount: 1 } };
    const { approval } = await act(recorder, say);
    await answer(recorder, approval?.id ?? '');
    assert.equal((await act(recorder, { ...say, agent: 'other' })).decision.outcome, 'approval_required');
    // The same name, but proved, or given to somebody by another agent: that is somebody else.
    const same: Identity = { level: 'issued', agent_id: 'billing-tool' };
    const delegation = [{ agent_id: 'other', token_id: 'agt_1' }];
    for (const identity of [same, { ...same, delegation }])
      assert.equal(
        (await recorder.act({ ...asked(say), identity }, begin, PROXY)).decision.outcome,
        'approval_required',
      );
    await recorder.usePolicy(policyInForce({ ...ASKING.compiled, version: '2' }));
    const { decision, approval: anew } = await act(recorder, say);
    assert.equal(decision.outcome, 'approval_required');
    assert.notEqual(anew?.id, approval?.id);
    await recorder.close('test');
  });

  it('survive a restart that has only the log, and so does that one was used', async () => {
    const at = await machine();
    const say: Say = { tool: 'refund.create', args: { amount: 1 } };
    const first = await using(at, ASKING);
    const { approval } = await act(first, say);
    await first.close('test');
    at.registry.clear();
    const second = await using(at, ASKING);
    await answer(second, approval?.id ?? '');
    await second.close('test');
    at.registry.clear();
    const third = await using(at, ASKING);
    assert.equal((await act(third, say)).decision.approval?.id, approval?.id);
    await third.close('test');
    at.registry.clear();
    const fourth = await using(at, ASKING);
    assert.equal((await act(fourth, say)).decision.outcome, 'approval_required');
    assert.equal(await answer(fourth, approval?.id ?? ''), undefined, 'it cannot be granted twice');
    await fourth.close('test');
  });

  it('that ran out are put on record, also when nothing ran then, and told to the caller once', async () => {
    const at = await machine();
    const say: Say = { tool: 'refund.create', args: { amount: 1 } };
    const first = await using(at, ASKING);
    const { approval } = await act(first, say);
    await first.close('test');
    at.clock.ms += 600_000;
    const recorder = await using(at, ASKING);
    const ended = entriesOf(at.disk).find(({ type }) => type === 'approval.expire');
    assert.equal(ended?.parent_id, approval?.id);
    assert.equal(ended?.metadata?.was, 'pending');
    assert.equal(await answer(recorder, approval?.id ?? ''), undefined);
    assert.equal((await act(recorder, say)).decision.reason, 'approval_expired');
    assert.equal((await act(recorder, say)).decision.outcome, 'approval_required');
    await recorder.close('test');
  });

  it('that were denied stop the call until they would have run out', async () => {
    const at = await machine();
    const say: Say = { tool: 'refund.create', args: { amount: 1 } };
    const recorder = await using(at, ASKING);
    const { approval } = await act(recorder, say);
    await answer(recorder, approval?.id ?? '', 'approval.deny');
    assert.equal((await act(recorder, say)).decision.reason, 'policy_approval_denied');
    assert.equal((await act(recorder, say)).decision.reason, 'policy_approval_denied');
    at.clock.ms += 600_000;
    assert.equal((await act(recorder, say)).decision.outcome, 'approval_required');
    await recorder.close('test');
  });

  it('are told to whoever waits for them', async () => {
    const at = await machine();
    const recorder = await using(at, ASKING);
    const { approval } = await act(recorder, { tool: 'refund.create', args: { amount: 1 } });
    const id = approval?.id ?? '';
    const waiting = recorder.approvals.wait(id, 5_000);
    await answer(recorder, id);
    assert.equal(await waiting, 'granted');
    const other = await act(recorder, { tool: 'refund.create', args: { amount: 2 } });
    assert.equal(await recorder.approvals.wait(other.approval?.id ?? '', 20), 'pending');
    assert.equal(await recorder.approvals.wait('log_nobody', 20), undefined);
    await recorder.close('test');
  });

  it('show ten megabytes of arguments in bounded time and size', async () => {
    const at = await machine();
    const recorder = await using(at, ASKING);
    const args = {
      text: 'a'.repeat(5_000_000),
      list: Array.from({ length: 100_000 }, (_, i) => `item ${i}`),
    };
    const started = performance.now();
    const { approval } = await act(recorder, { tool: 'refund.create', args });
    assert.ok(performance.now() - started < 5_000);
    await recorder.close('test');
    const request = entriesOf(at.disk).find(({ id }) => id === approval?.id);
    assert.ok(JSON.stringify(request?.metadata).length < 8_192);
    assert.ok(Number(request?.metadata?.left_out) > 90_000);
  });
});
