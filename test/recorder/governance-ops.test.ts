import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { compilePolicy } from '../../src/core/policy/load.ts';
import type { Decision } from '../../src/core/policy/types.ts';
import type { Client, Op, OpParams, OpResults } from '../../src/recorder/ops.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { createService } from '../../src/recorder/service.ts';
import { createTurns } from '../../src/recorder/turns.ts';
import { countingRandom, entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const HEAD = `version: "1"
identity: { anonymous: allow, declared: allow }
allowlist: [api.example.com]
tools: { refund.create: { interactive: { permission: approval_required } } }
approvals: { ttl: 10m, hold: 30s }
`;
const USERS = `users:
  ada: { email: ada@example.com, roles: [admin] }
  bob: { email: bob@example.com, roles: [member] }
`;

const person = (user: string): Client => ({ surface: 'cli', user });
const PROXY = { surface: 'proxy', assurance: 'enforced' } as const;
const begin = (decision: Decision): Event => ({ type: 'tool.call', phase: 'pre_exec', decision });

interface Office {
  readonly recorder: LocalRecorder;
  ask<O extends Op>(op: O, params: OpParams<O>, client?: Client): Promise<OpResults[O]>;
}

async function office(at: Machine, policy = HEAD): Promise<Office> {
  const recorder = await at.open({ policy, owner: { id: 'root' } });
  const handle = createService({
    recorder,
    random: countingRandom('service'),
    version: '0',
    pid: 1,
    broker: () => ({}),
    writePolicy: async () => undefined,
    operator: { isProtected: async () => true, check: async (token) => token === 'good' },
    policyTurn: createTurns(),
  });
  return {
    recorder,
    ask: (op, params, client = { ...person('root'), operator_token: 'good' }) => handle(op, params, client),
  };
}

/** Somebody asks for a refund; the id of the request for its approval. */
async function refund(
  recorder: LocalRecorder,
  from: { agent?: string; user?: string } = {},
  amount = 12_000,
) {
  const { agent, user } = from;
  const { decision, approval } = await recorder.act(
    {
      request: {
        tenant_id: 'local',
        action: { name: 'refund.create', tool: { name: 'refund.create' } },
        credentials: [],
        args: 'whole',
      },
      identity: {
        level: user === undefined ? 'declared' : 'issued',
        ...(agent === undefined ? {} : { agent_id: agent }),
        ...(user === undefined ? {} : { user_id: user }),
      },
      args: { amount, password: 'hunter2hunter2' },
    },
    begin,
    PROXY,
  );
  return { decision, id: approval?.id ?? '' };
}

describe('requests about approvals', () => {
  it('show in words what is asked, and record who answered', async () => {
    const at = await machine();
    const { recorder, ask } = await office(at);
    const { id } = await refund(recorder, { agent: 'billing' });
    const { approvals } = await ask('approval.list', { id });
    const [shown] = approvals;
    assert.equal(shown?.status, 'pending');
    assert.equal(shown?.arguments, '{"amount":12000,"password":"[REDACTED:key-name]"}');
    assert.equal(shown?.hidden, 1);
    assert.deepEqual(shown?.requester, { agent_id: 'billing', claimed: true, user_id: 'root' });
    assert.deepEqual(shown?.approvers, ['role:owner', 'role:admin']);
    const granted = await ask('approval.grant', { id, reason: 'looks right' });
    assert.equal(granted.approver, 'root');
    assert.deepEqual((await ask('approval.list', {})).approvals, []);
    const [answered] = (await ask('approval.list', { all: true })).approvals;
    assert.deepEqual([answered?.status, answered?.answer_reason], ['granted', 'looks right']);
    const { decision } = await refund(recorder, { agent: 'billing' });
    assert.equal(decision.approval?.approver, 'root');
    await recorder.close('test');
    const grant = entriesOf(at.disk).find(({ type }) => type === 'approval.grant');
    assert.equal(grant?.parent_id, id);
    assert.equal(grant?.reason, 'looks right');
    assert.equal(grant?.actor?.user?.id, 'root');
    assert.equal(grant?.metadata?.approver, 'root');
    const request = entriesOf(at.disk).find((entry) => entry.id === id);
    assert.equal(grant?.action?.key, request?.action?.key);
    assert.equal(grant?.action?.args_hash, request?.action?.args_hash);
    await assertVerifies(at);
  });

  it('refuse and record what was never asked for, and what was answered before', async () => {
    const at = await machine();
    const { recorder, ask } = await office(at);
    const forged = 'log_01ARZ3NDEKTSV4RRFFQ69G5FAV';
    await assert.rejects(ask('approval.grant', { id: forged }), { code: 'NOT_FOUND' });
    const { id } = await refund(recorder, { agent: 'billing' });
    await ask('approval.deny', { id });
    await assert.rejects(ask('approval.grant', { id }), { code: 'STOPPED', message: /denied before/ });
    const late = await refund(recorder, { agent: 'billing' }, 13_000);
    at.clock.ms += 600_000;
    await assert.rejects(ask('approval.grant', { id: late.id }), { code: 'STOPPED', message: /ran out/ });
    assert.notEqual((await refund(recorder, { agent: 'billing' })).decision.outcome, 'allow');
    await recorder.close('test');
    const refused = entriesOf(at.disk).filter(
      ({ type, decision }) => type === 'approval.grant' && decision?.outcome === 'stop',
    );
    assert.deepEqual(
      refused.map(({ decision, metadata }) => [metadata?.approval, decision?.layer, decision?.reason]),
      [
        [forged, 'approval', 'policy_denied'],
        [id, 'approval', 'policy_denied'],
        [late.id, 'approval', 'approval_expired'],
      ],
    );
  });

  it('that were asked under another policy cannot be granted any more', async () => {
    const at = await machine();
    const { recorder, ask } = await office(at);
    const { id } = await refund(recorder, { agent: 'billing' });
    await recorder.usePolicy(compilePolicy(HEAD.replace('"1"', '"2"'), { id: 'local' }));
    await assert.rejects(ask('approval.grant', { id }), { code: 'STOPPED', message: /policy has changed/ });
    assert.equal((await ask('approval.deny', { id })).approver, 'root');
    await recorder.close('test');
  });

  it('are listed as far as one answer has room, and one caller leaves room for others', async () => {
    const at = await machine();
    const { recorder, ask } = await office(at);
    for (let i = 0; i < LIMITS.approvalsOfOne; i++)
      assert.notEqual((await refund(recorder, { agent: 'busy' }, i)).id, '');
    const more = await refund(recorder, { agent: 'busy' }, -1);
    assert.deepEqual([more.decision.outcome, more.id], ['approval_required', '']);
    await Promise.all(
      Array.from({ length: LIMITS.approvalsListed }, (_, i) => refund(recorder, { agent: `a${i % 10}` }, i)),
    );
    const listed = await ask('approval.list', {});
    assert.equal(listed.approvals.length, LIMITS.approvalsListed);
    assert.equal(listed.more, LIMITS.approvalsOfOne);
    await recorder.close('test');
  });

  it('are not for agents: what an agent grants itself is refused and recorded', async () => {
    const at = await machine();
    const { recorder, ask } = await office(at);
    const { id } = await refund(recorder, { agent: 'billing' });
    const agents: Client[] = [
      { ...person('root'), operator_token: 'good', detected: { agent: 'claude', signals: ['CLAUDECODE'] } },
      { ...person('root'), operator_token: 'good', run_token: 'run_x' },
      person('root'),
    ];
    for (const agent of agents)
      await assert.rejects(ask('approval.grant', { id }, agent), { code: 'OPERATOR_REQUIRED' });
    assert.equal((await refund(recorder, { agent: 'billing' })).decision.outcome, 'approval_required');
    await recorder.close('test');
    const refused = entriesOf(at.disk).filter(({ type }) => type === 'approval.grant');
    assert.deepEqual(
      refused.map(({ decision }) => decision?.reason),
      ['role_denied', 'role_denied', 'role_denied'],
    );
  });

  it('of somebody who is alone on the machine say how one answers what one asks for oneself', async () => {
    const at = await machine();
    const { recorder, ask } = await office(at);
    const { id } = await refund(recorder);
    await assert.rejects(ask('approval.grant', { id }), {
      message: /another person/,
      hint: /tally call --agent NAME.*approver_may_be_requester: true/,
    });
    await recorder.close('test');
  });

  it('are answered by another person than the one who asks, through whatever agent', async () => {
    const at = await machine();
    const { recorder, ask } = await office(at, HEAD + USERS);
    for (const user of ['ada', 'bob']) await ask('agent.register', { agent_id: `${user}-terminal` });
    const as = async (user: string): Promise<Client> => {
      const issued = await ask('token.issue', {
        agent_id: `${user}-terminal`,
        user_id: user,
        scopes: ['tally.operator'],
      });
      // Whatever name it claims besides.
      return { ...person('ada'), operator_token: 'good', agent_token: issued.token };
    };
    const [ada, bob] = [await as('ada'), await as('bob')];
    const claimed = { ...person('ada'), operator_token: 'good' };
    const { id } = await refund(recorder, { agent: 'billing', user: 'ada' });
    await assert.rejects(ask('approval.grant', { id }, ada), {
      message: /another person/,
      hint: /^somebody else has to answer/,
    });
    await assert.rejects(ask('approval.grant', { id }, bob), { message: /not among those/ });
    await assert.rejects(ask('approval.grant', { id }, claimed), { message: /knows who you are/ });
    const other = await refund(recorder, { agent: 'billing', user: 'bob' });
    assert.equal((await ask('approval.grant', { id: other.id }, ada)).approver, 'ada');
    await recorder.close('test');
    const refused = entriesOf(at.disk).filter(({ decision }) => decision?.reason === 'role_denied');
    assert.equal(refused.length, 3);
  });
});

describe('kill switches', () => {
  it('stop the next call, refuse runs, and are recorded with who and why', async () => {
    const at = await machine();
    const { recorder, ask } = await office(at);
    const on = await ask(
      'kill.set',
      { scope: 'agent:billing', on: true, reason: 'odd refunds' },
      person('root'),
    );
    assert.equal(on.changed, true);
    const { decision } = await refund(recorder, { agent: 'billing' });
    assert.equal(decision.reason, 'killed_agent');
    assert.equal((await refund(recorder, { agent: 'other' })).decision.outcome, 'approval_required');
    await assert.rejects(ask('run.start', { agent_id: 'billing' }), {
      code: 'STOPPED',
      message: /odd refunds/,
    });
    assert.equal((await ask('kill.set', { scope: 'agent:billing', on: true, reason: 'x' })).changed, false);
    assert.deepEqual(
      (await ask('status', {})).kill?.map(({ scope, by, reason }) => [scope, by, reason]),
      [['agent:billing', 'root', 'odd refunds']],
    );
    await recorder.close('test');
    const log = entriesOf(at.disk);
    const change = log.find(({ type }) => type === 'killswitch.change');
    assert.equal(change?.reason, 'odd refunds');
    assert.equal(change?.actor?.user?.id, 'root');
    assert.deepEqual(change?.metadata, { scope: 'agent:billing', on: true });
    const run = log.find(({ type }) => type === 'run.start');
    assert.equal(run?.decision?.reason, 'killed_agent');
    assert.equal(run?.outcome?.status, 'blocked');
  });

  it('survive a restart that has only the log, and are switched off by the operator alone', async () => {
    const at = await machine();
    const first = await office(at);
    await first.ask('kill.set', { scope: 'global', on: true, reason: 'stop' });
    await first.recorder.close('test');
    at.registry.clear();
    const { recorder, ask } = await office(at);
    assert.equal((await refund(recorder)).decision.reason, 'killed_global');
    await assert.rejects(ask('kill.set', { scope: 'global', on: false, reason: 'go' }, person('root')), {
      code: 'OPERATOR_REQUIRED',
    });
    const agent: Client = { ...person('root'), detected: { agent: 'claude', signals: ['X'] } };
    await assert.rejects(ask('kill.set', { scope: 'writes', on: true, reason: 'go' }, agent), {
      code: 'OPERATOR_REQUIRED',
    });
    assert.equal((await refund(recorder)).decision.reason, 'killed_global');
    await ask('kill.set', { scope: 'global', on: false, reason: 'go' });
    assert.equal((await refund(recorder)).decision.outcome, 'approval_required');
    await recorder.close('test');
    await assertVerifies(at);
  });

  it('take no scope that is none', async () => {
    const at = await machine();
    const { recorder, ask } = await office(at);
    for (const scope of ['', 'everything', 'agent:', 'tool:', 'agent: x', 'Global'])
      await assert.rejects(ask('kill.set', { scope, on: true, reason: 'x' }), { code: 'USAGE' });
    await recorder.close('test');
  });
});
