import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TallyError } from '../../src/core/error.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { requestOf } from '../../src/core/replay/request.ts';
import { ApprovalPendingError, StoppedError } from '../../src/sdk/errors.ts';
import { type Stage, stage, until } from './stage.ts';

const POLICY = `version: "1"
allowlist: []
facts: { amount: args.amount }
tools:
  order.find: {}
  refund.create: {}
rules:
  - { id: big, when: 'action.name == "refund.create" && facts.amount > 100', decision: approval_required, reason: refund_over_limit }
  - { id: no-mail, when: 'action.name == "mail.send"', decision: stop, reason: no_mail }
approvals: { approver_may_be_requester: true, hold: 20s }
`;

const shape = ({ entries }: Stage) =>
  entries().map(({ type, phase, step_id, outcome }) =>
    [type, phase, step_id, outcome?.status].filter((x) => x !== undefined).join(' '),
  );

describe('a run', () => {
  it('records what happens in it: pairs, parents, steps without a gap, usage, its end', async (t) => {
    const box = await stage(t, { policy: POLICY });
    const given = await box.tally.run(
      { workflow: 'answer', session: 's1', metadata: { ticket: 7 }, risk: { level: 'low' } },
      async (run) => {
        run.systemInstruction('be kind');
        run.userMessage('where is my order?');
        const call = run.modelCall({
          provider: 'local',
          model: 'm1',
          input: [{ role: 'user', content: 'where?' }],
        });
        run.modelResponse(call, {
          output: 'order.find',
          usage: { inputTokens: 3, outputTokens: 2, costUsd: 0.01 },
        });
        const tool = run.toolCall({ name: 'clock', args: { zone: 'utc' } });
        await run.toolResult(tool, { error: new RangeError('no such zone') });
        const query = run.retrievalQuery({ source: 'faq', query: 'delivery' });
        run.retrievalResult(query, { output: ['a', 'b'] });
        run.policyCheck({ name: 'tone', result: 'pass' });
        run.humanApproval({ what: 'the text', approved: true, by: 'kim' });
        run.decision({ what: 'which order', chosen: 'o_1', why: 'the newest' });
        run.error(new Error('a small one'));
        run.custom('handover', { to: 'desk' });
        return 42;
      },
    );
    assert.equal(given, 42);
    assert.deepEqual(shape(box), [
      'run.start point',
      'system.instruction point 1',
      'user.message point 2',
      'model.call pre_exec 3',
      'model.response post_exec 3 ok',
      'tool.call pre_exec 4',
      'tool.result post_exec 4 error',
      'retrieval.query pre_exec 5',
      'retrieval.result post_exec 5 ok',
      'policy.check point 6',
      'custom point 7',
      'custom point 8',
      'error point 9 error',
      'custom point 10',
      'run.end point ok',
    ]);
    const [start, , message, call, response, , toolEnd] = box.entries();
    assert.equal(start?.metadata?.workflow_name, 'answer');
    assert.deepEqual(start?.metadata?.about, { ticket: 7 });
    assert.deepEqual(start?.risk, { level: 'low' });
    assert.equal(message?.parent_id, start?.id);
    assert.equal(response?.parent_id, call?.id);
    assert.deepEqual(response?.outcome?.usage, { input_tokens: 3, output_tokens: 2, cost_usd: 0.01 });
    assert.equal(call?.metadata?.provider, 'local');
    assert.equal(toolEnd?.outcome?.error_kind, 'RangeError');
    for (const entry of box.entries()) {
      assert.equal(entry.run_id, start?.run_id);
      assert.equal(entry.actor?.agent_id, 'bot');
      assert.equal(entry.source.assurance, entry.type.startsWith('run.') ? 'enforced' : 'self_reported');
    }
  });

  it('ends however its function does, and gives on what it threw', async (t) => {
    const box = await stage(t);
    const thrown = { odd: 'no error at all' };
    await assert.rejects(
      box.tally.run(async () => {
        throw thrown;
      }),
      (error) => error === thrown,
    );
    const abort = new AbortController();
    await assert.rejects(
      box.tally.run({ signal: abort.signal }, async (run) => {
        abort.abort();
        run.signal.throwIfAborted();
      }),
    );
    await assert.rejects(
      box.tally.run({ signal: AbortSignal.timeout(200) }, async (run) => {
        await new Promise((_resolve, reject) =>
          run.signal.addEventListener('abort', () => reject(run.signal.reason)),
        );
      }),
    );
    assert.deepEqual(
      box.entries('run.end').map(({ outcome }) => outcome?.status),
      ['error', 'aborted', 'timeout'],
    );
  });

  it('ends after those that were started in it, also where its function forgot to wait for them', async (t) => {
    const box = await stage(t);
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const left: Promise<unknown>[] = [];
    await box.tally.run({ agent: 'a' }, async (run) => {
      await new Promise<void>((begun) => {
        const inner = run.delegate({ agent: 'b' }, async (below) => {
          left.push(below.delegate({ agent: 'c' }, () => gate.finally(begun)));
          setImmediate(begun);
          await gate;
          await assert.rejects(below.act('too late', () => 1));
        });
        left.push(inner);
      });
      left.push(box.tally.run({ agent: 'd' }, async () => undefined));
      await left[2];
      left.push(box.tally.run({ agent: 'e' }, () => gate));
      while (box.entries('run.start').length < 5) await new Promise((resolve) => setImmediate(resolve));
    });
    go();
    await Promise.all(left);
    const ends = box.entries('run.end');
    assert.deepEqual(ends.map(({ actor }) => actor?.agent_id).toSorted(), ['a', 'b', 'c', 'd', 'e']);
    assert.equal(ends.at(-1)?.actor?.agent_id, 'a');
    const order = ends.map(({ actor }) => actor?.agent_id);
    assert.ok(order.indexOf('c') < order.indexOf('b'));
    assert.deepEqual(
      Object.fromEntries(ends.map(({ actor, outcome }) => [actor?.agent_id, outcome?.error_kind ?? 'ok'])),
      { a: 'ok', b: 'outer_run_ended', c: 'outer_run_ended', d: 'ok', e: 'outer_run_ended' },
    );
  });

  it('ends what was begun in it and nobody ended', async (t) => {
    const box = await stage(t);
    await box.tally.run(async (run) => {
      run.modelCall({ model: 'm' });
    });
    const [end] = box.entries('model.response');
    assert.equal(end?.outcome?.status, 'unknown');
  });

  it('is found by code that it calls, and by no other', async (t) => {
    const { tally } = await stage(t);
    assert.equal(tally.current(), undefined);
    const [a, b] = await Promise.all(
      ['a', 'b'].map((agent) =>
        tally.run({ agent }, async (run) => {
          await new Promise((resolve) => setImmediate(resolve));
          return [tally.current() === run, tally.current()?.agent];
        }),
      ),
    );
    assert.deepEqual(
      [a, b],
      [
        [true, 'a'],
        [true, 'b'],
      ],
    );
  });

  it('in a run is in it on record, and so is one of another copy of the SDK', async (t) => {
    const box = await stage(t);
    const other = box.another({ agent: 'library' });
    await box.tally.run(async (run) => {
      await other.run(async (inner) => {
        assert.equal(other.current()?.id, inner.id);
        assert.equal(box.tally.current()?.id, inner.id, 'both copies look into one place');
      });
      assert.equal(other.current()?.id, run.id);
    });
    const [outer, inner] = box.entries('run.start');
    assert.equal(inner?.metadata?.within, outer?.run_id);
  });
});

describe('an action', () => {
  it('is done when it is allowed and that is durable; its result is given as it is', async (t) => {
    const box = await stage(t, { policy: POLICY });
    const result = { rows: [1, 2] };
    await box.tally.run(async (run) => {
      const got = await run.act({ name: 'order.find', args: { order: 'o_1' }, reason: 'asked' }, ({ id }) => {
        const [pre] = box.entries('tool.call');
        assert.equal(pre?.id, id);
        assert.equal(pre?.decision?.outcome, 'allow');
        run.note('inside');
        return result;
      });
      assert.equal(got, result);
    });
    assert.deepEqual(shape(box), [
      'run.start point',
      'tool.call pre_exec 1',
      'step.note point 2',
      'tool.result post_exec 1 ok',
      'run.end point ok',
    ]);
    const [, pre, inside, post] = box.entries();
    assert.equal(inside?.parent_id, pre?.id, 'what happens in an action belongs to it');
    assert.equal(post?.parent_id, pre?.id);
    assert.equal(post?.action?.key, pre?.action?.key);
    assert.deepEqual(
      [pre, post].map((one) => one?.source.assurance),
      ['enforced', 'enforced'],
    );
    assert.equal(pre?.action?.args_hash_alg?.includes(';'), false, 'the hash covers all of it');
  });

  it('that is stopped is not begun; the error says why, and where it stands', async (t) => {
    const box = await stage(t, { policy: POLICY });
    let done = 0;
    await box.tally.run(async (run) => {
      const stopped = await run.act('mail.send', () => void done++).catch((error: unknown) => error);
      assert.ok(stopped instanceof StoppedError && stopped instanceof TallyError);
      assert.equal(stopped.code, 'STOPPED');
      assert.equal(stopped.reason, 'no_mail');
      assert.equal(stopped.rule, 'no-mail');
      const [pre] = box.entries('tool.call');
      assert.equal(stopped.decisionId, pre?.id);
    });
    assert.equal(done, 0);
    const [end] = box.entries('tool.result');
    assert.deepEqual([end?.outcome?.status, end?.outcome?.error_kind], ['blocked', 'no_mail']);
  });

  it('that wants a person waits, goes on when granted, and is another call in the log', async (t) => {
    const box = await stage(t, { policy: POLICY });
    let done = 0;
    await box.tally.run(async (run) => {
      const acting = run.act({ name: 'refund.create', args: { amount: 250 } }, () => ++done);
      await until(() => box.entries('approval.request').length === 1);
      assert.equal(done, 0);
      await box.answer('grant');
      assert.equal(await acting, 1);
    });
    const request = box.entries('approval.request')[0];
    const [first, second] = box.entries('tool.call');
    assert.deepEqual([first?.decision?.outcome, second?.decision?.outcome], ['approval_required', 'allow']);
    assert.equal(second?.parent_id, request?.id);
    assert.notEqual(first?.step_id, second?.step_id);
    assert.deepEqual(
      box.entries('tool.result').map(({ outcome }) => outcome?.status),
      ['pending', 'ok'],
    );
  });

  it('that nobody answers, or somebody denies, is not done', async (t) => {
    const box = await stage(t, { policy: POLICY });
    let done = 0;
    const refund = { name: 'refund.create', args: { amount: 250 } };
    await box.tally.run(async (run) => {
      const pending = await run
        .act({ ...refund, approvalTimeoutMs: 0 }, () => ++done)
        .catch((error: unknown) => error);
      assert.ok(pending instanceof ApprovalPendingError);
      assert.equal(pending.approvalId, box.entries('approval.request')[0]?.id);
      const acting = run.act(refund, () => ++done).catch((error: unknown) => error);
      await until(() => box.entries('tool.call').length === 2);
      await box.answer('deny');
      const denied = await acting;
      assert.ok(denied instanceof StoppedError);
      assert.equal(denied.reason, 'policy_approval_denied');
    });
    assert.equal(done, 0);
  });

  it('that fails is recorded as it failed, and throws what it threw', async (t) => {
    const box = await stage(t, { policy: POLICY });
    const failure = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    await box.tally.run(async (run) => {
      await assert.rejects(
        run.act('order.find', () => {
          throw failure;
        }),
        (error) => error === failure,
      );
      const abort = new AbortController();
      await assert.rejects(
        run.act({ name: 'order.find', signal: abort.signal }, async ({ signal }) => {
          abort.abort();
          signal.throwIfAborted();
        }),
      );
      await assert.rejects(
        run.act({ name: 'order.find', signal: AbortSignal.abort() }, () => assert.fail('begun')),
      );
    });
    assert.deepEqual(
      box.entries('tool.result').map(({ outcome }) => [outcome?.status, outcome?.error_kind]),
      [
        ['error', 'ECONNREFUSED'],
        ['aborted', 'AbortError'],
      ],
    );
  });

  it('whose arguments cannot be taken whole is stopped where a rule or an approval needs them', async (t) => {
    const box = await stage(t, { policy: POLICY });
    let done = 0;
    await box.tally.run(async (run) => {
      const args = {
        amount: 250,
        get secretly() {
          return done++;
        },
      };
      await assert.rejects(
        run.act({ name: 'refund.create', args }, () => ++done),
        { code: 'STOPPED', reason: 'args_unavailable' },
      );
      assert.equal(await run.act({ name: 'order.find', args }, () => 'fine'), 'fine');
    });
    assert.equal(done, 0, 'no getter was called');
    for (const entry of box.entries('tool.call'))
      assert.equal(requestOf(entry as unknown as JsonObject).args, 'streamed', 'it replays as it was asked');
    assert.match(box.entries('tool.call')[0]?.action?.args_hash_alg ?? '', /;partial$/);
  });
});

it('says of an entry what is the recorder’s own to say under no name of its own', async (t) => {
  const box = await stage(t, { policy: POLICY });
  const forged = { tenant_named: 'other', imported: { from: 'x' } };
  await box.tally.run(async (run) => {
    await run.act({ name: 'order.find', metadata: forged }, () => 1);
    await run.note('x', { metadata: forged });
  });
  for (const type of ['tool.call', 'step.note'])
    assert.deepEqual(Object.keys(box.entries(type)[0]?.metadata ?? {}).sort(), [
      'imported_',
      'tenant_named_',
    ]);
  const client = { surface: 'sdk' } as const;
  const { token } = await box.handle('run.start', { agent_id: 'x' }, client);
  const begin = {
    run_token: token,
    type: 'tool.call',
    action: { name: 'x' },
    step_id: '1',
    metadata: forged,
  };
  await assert.rejects(box.handle('act.begin', begin, client), { code: 'BAD_EVENT' });
});

describe('a guarded tool', () => {
  it('is another one: what is given is not changed, and guarded twice it is guarded once', async (t) => {
    const box = await stage(t, { policy: POLICY });
    class Finder {
      #calls = 0;
      readonly name = 'order.find';
      readonly schema = { type: 'object' };
      async execute(input: { order: string }, _context?: unknown) {
        this.#calls++;
        return `${input.order} ${this.#calls}`;
      }
    }
    const finder = new Finder();
    const before = Object.getOwnPropertyDescriptors(finder);
    const guarded = box.tally.guardTool(finder, { contextAt: 1 });
    assert.deepEqual(Object.getOwnPropertyDescriptors(finder), before);
    assert.equal(box.another().guardTool(guarded), guarded);
    assert.ok(guarded instanceof Finder);
    assert.equal(guarded.schema, finder.schema);
    await box.tally.run(async () => {
      assert.equal(await guarded.execute({ order: 'o_1' }, { signal: 'not an argument' }), 'o_1 1');
    });
    const mail = box.tally.guardTool((to: string) => `sent to ${to}`, { name: 'mail.send' });
    await assert.rejects(mail('kim'), { code: 'STOPPED' }, 'outside of a run it has one of its own');
    assert.deepEqual(
      box.entries('tool.call').map(({ action, decision }) => [action?.name, decision?.outcome]),
      [
        ['order.find', 'allow'],
        ['mail.send', 'stop'],
      ],
    );
    assert.equal(box.entries('run.start').length, 2);
  });
});

describe('a delegated run', () => {
  it('has a token below its parent’s, its chain on record, and no more than was passed on', async (t) => {
    const box = await stage(t, { policy: POLICY });
    await box.tally.run({ agent: 'boss' }, async (run) => {
      await run.delegate({ agent: 'researcher', contract: { tools: ['order.find'] } }, async (sub) => {
        assert.deepEqual(sub.delegationChain, ['boss']);
        assert.equal(await sub.act('order.find', () => 1), 1);
        await assert.rejects(
          sub.act({ name: 'refund.create', args: { amount: 1 } }, () => 1),
          {
            code: 'STOPPED',
            reason: 'capability_denied',
          },
        );
      });
    });
    const [, start] = box.entries('run.start');
    assert.deepEqual(start?.actor?.delegation_chain, ['boss']);
    const [pre] = box.entries('tool.call');
    assert.equal(pre?.actor?.agent_id, 'researcher');
    assert.deepEqual(pre?.actor?.delegation_chain, ['boss']);
    assert.equal(box.entries('token.issue').length, 1);
  });
});
