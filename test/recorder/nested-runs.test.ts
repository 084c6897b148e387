import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '../../src/core/entry.ts';
import {
  type BudgetState,
  emptyBudgets,
  foldCost,
  foldRunStart,
  foldStep,
  readBudget,
} from '../../src/core/governance/budgets.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { Client } from '../../src/recorder/ops.ts';
import type { LocalRecorder } from '../../src/recorder/recorder.ts';
import { type Machine, machine } from '../support/recorder.ts';
import { PERSON, serve } from '../support/serve.ts';

const POLICY = `version: "1"
allowlist: [api.example.com]
identity: { anonymous: allow, declared: allow }
budgets: { max_steps: 3, max_usd: 1 }
`;
const PROXY = { surface: 'proxy', assurance: 'enforced' } as const;

async function call(recorder: LocalRecorder, claims: { run_token?: string; agent_token?: string }) {
  const identity = recorder.identify(claims);
  const request = {
    tenant_id: 'local',
    ...(identity.run_id === undefined ? {} : { run_id: identity.run_id }),
    action: {
      name: 'http.call',
      target: { scheme: 'https', host: 'api.example.com', port: 443, path: '/', method: 'GET' },
    },
    credentials: [],
  } as const;
  const event: Event = { type: 'http.call', phase: 'pre_exec' };
  return (await recorder.act({ request, identity }, (decision) => ({ ...event, decision }), PROXY)).decision;
}

const started = (box: Machine) => serve(box, { policy: POLICY });

describe('a run that is started in a run', () => {
  it('uses up the budget of the outermost one, however deep it is and whatever token it is started with', async () => {
    const box = await machine();
    const { recorder, handle } = await started(box);
    const outer = await handle('run.start', {}, PERSON);
    const inside = (token: string): Client => ({ surface: 'cli', run_token: token });
    const second = await handle('run.start', {}, inside(outer.token));
    const third = await handle('run.start', {}, inside(second.token));
    await handle('agent.register', { agent_id: 'a' }, PERSON);
    const agent = await handle('token.issue', { agent_id: 'a' }, PERSON);
    const other = await handle('run.start', { agent_token: agent.token }, inside(third.token));

    for (const token of [third.token, second.token, outer.token])
      assert.equal((await call(recorder, { run_token: token })).outcome, 'allow');
    for (const token of [outer.token, second.token, third.token, other.token])
      assert.equal((await call(recorder, { run_token: token })).reason, 'max_steps');
    const again = await handle('run.start', {}, inside(outer.token));
    assert.equal((await call(recorder, { run_token: again.token })).reason, 'max_steps');

    const apart = await handle('run.start', {}, PERSON);
    assert.equal(
      (await call(recorder, { run_token: apart.token })).outcome,
      'allow',
      'others have their own',
    );
    await recorder.close('test');
    for (const withSnapshot of [true, false]) {
      if (!withSnapshot) box.registry.clear();
      const next = await started(box);
      assert.equal((await call(next.recorder, { run_token: third.token })).reason, 'max_steps');
      await next.recorder.close('test');
    }
  });
});

describe('budgets of runs', () => {
  const now = 1_000;
  const start = (state: BudgetState, run_id: string, metadata = {}) =>
    foldRunStart(state, { run_id, metadata }, now);
  const step = (state: BudgetState, run_id: string) => foldStep(state, { run_id }, now);

  it('are not forgotten because somebody invents names of runs', () => {
    const state = emptyBudgets();
    start(state, 'run_1');
    step(state, 'run_1');
    for (let i = 0; i < LIMITS.budgetRuns + 10; i++) step(state, `made-up-${i}`);
    assert.equal(readBudget(state, 'run_1', undefined, now).steps, 1);
    assert.equal(state.named.size, LIMITS.budgetRuns);
  });

  it('are not used up by costs of whoever only says that it is of the run', () => {
    const state = emptyBudgets();
    start(state, 'run_1');
    const cost = { run_id: 'run_1', outcome: { status: 'ok', usage: { cost_usd: 5 } } };
    foldCost(state, { ...cost, quality: { run_id: 'asserted' } }, now);
    assert.equal(readBudget(state, 'run_1', undefined, now).usd, 0);
    foldCost(state, cost, now);
    assert.equal(readBudget(state, 'run_1', undefined, now).usd, 5);
  });

  it('of a run that is started again in the log stay what they were', () => {
    const state = emptyBudgets();
    start(state, 'run_1');
    step(state, 'run_1');
    start(state, 'run_1', { within: 'run_2' });
    assert.equal(readBudget(state, 'run_1', undefined, now).steps, 1);
  });
});
