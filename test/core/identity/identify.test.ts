import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { identify } from '../../../src/core/identity/identify.ts';
import { applyEntry, emptyRegistry } from '../../../src/core/identity/registry.ts';
import { after, entryOf, failureOf, issue, mint, start, T0, who } from './entries.ts';

describe('identifying a caller', () => {
  const agent = mint('agent');
  const run = mint('run');

  it('without a token believes nothing and says so', () => {
    assert.deepEqual(who(emptyRegistry(), {}), { level: 'anonymous' });
    assert.deepEqual(who(emptyRegistry(), { agent_id: 'x' }), { level: 'declared', agent_id: 'x' });
  });

  it('with a live agent token knows the agent', () => {
    const state = after(['token.issue', issue('billing', agent, { project_id: 'web' })]);
    const identity = { level: 'issued', agent_id: 'billing', token_id: agent.id, project_id: 'web' };
    assert.deepEqual(who(state, { agent_token: agent.token }), identity);
    assert.deepEqual(
      who(state, { agent_token: agent.token, agent_id: 'billing', project_id: 'web' }),
      identity,
    );
  });

  it('refuses a token that is unknown, altered, of the other kind, or not one', () => {
    const state = after(['token.issue', issue('billing', agent)], ['run.start', start('r', run)]);
    const altered = `${agent.id}.${mint('agent').token.split('.')[1]}`;
    for (const text of [mint('agent').token, altered, run.token, agent.id, '', 'x'])
      assert.equal(failureOf(state, { agent_token: text }), 'token_invalid', text);
    assert.equal(failureOf(state, { run_token: agent.token }), 'token_invalid');
    assert.deepEqual(who(state, { agent_token: altered, agent_id: 'x' }), {
      level: 'declared',
      agent_id: 'x',
      failure: 'token_invalid',
    });
  });

  it('refuses a claim of another name than the token’s', () => {
    const state = after(['token.issue', issue('billing', agent)]);
    assert.equal(failureOf(state, { agent_token: agent.token, agent_id: 'other' }), 'token_invalid');
  });

  it('refuses a token at the end of its time, and one whose end cannot be read', () => {
    const state = after(['token.issue', issue('a', agent, { expires_at: '2026-11-20T11:00:00.000Z' })]);
    const end = T0 + 3_600_000;
    assert.equal(failureOf(state, { agent_token: agent.token }, end - 1), undefined);
    assert.equal(failureOf(state, { agent_token: agent.token }, end), 'token_expired');
    for (const expires_at of ['next week', 42, null])
      assert.equal(
        failureOf(after(['token.issue', issue('a', agent, { expires_at })]), { agent_token: agent.token }),
        'token_expired',
      );
  });

  it('refuses a revoked token from the next call on', () => {
    const state = after(['token.issue', issue('a', agent)]);
    assert.equal(failureOf(state, { agent_token: agent.token }), undefined);
    applyEntry(state, entryOf(1, 'token.revoke', { metadata: { token_id: agent.id } }));
    assert.equal(failureOf(state, { agent_token: agent.token }), 'token_revoked');
  });

  it('tells nothing about a token to someone who does not have its secret', () => {
    const state = after(
      ['token.issue', issue('a', agent, { expires_at: '2000-01-01T00:00:00.000Z' })],
      ['token.revoke', { metadata: { token_id: agent.id } }],
    );
    const guessed = `${agent.id}.${mint('agent').token.split('.')[1]}`;
    assert.deepEqual(who(state, { agent_token: guessed }), { level: 'anonymous', failure: 'token_invalid' });
  });

  it('refuses a token of another tenant, project or environment', () => {
    const bound = issue('a', agent, { project_id: 'web', environment: 'production' });
    const state = after(['token.issue', bound]);
    const agent_token = agent.token;
    assert.equal(
      identify(state, { agent_token }, T0, { tenant: 'other' }).failure,
      'agent_workspace_mismatch',
    );
    assert.equal(failureOf(state, { agent_token, project_id: 'api' }), 'agent_project_mismatch');
    assert.equal(failureOf(state, { agent_token, environment: 'dev' }), 'agent_environment_mismatch');
  });

  it('takes a run token for the agent of its run, until the run ends', () => {
    const state = after(['run.start', start('r1', run, { actor: { agent_id: 'coder' }, project_id: 'web' })]);
    assert.deepEqual(who(state, { run_token: run.token }), {
      level: 'issued',
      agent_id: 'coder',
      token_id: run.id,
      run_id: 'r1',
      project_id: 'web',
    });
    assert.equal(failureOf(state, { run_token: run.token, agent_id: 'billing' }), 'token_invalid');
    applyEntry(state, entryOf(1, 'run.end', { run_id: 'r1', outcome: { status: 'error' } }));
    assert.equal(failureOf(state, { run_token: run.token }), 'token_revoked');
  });

  it('does not let a run without an agent prove a name that its caller only claims', () => {
    const state = after(['run.start', start('r1', run)]);
    assert.equal(who(state, { run_token: run.token }).level, 'issued');
    assert.deepEqual(who(state, { run_token: run.token, agent_id: 'billing' }), {
      level: 'declared',
      agent_id: 'billing',
      token_id: run.id,
      run_id: 'r1',
    });
  });

  it('wants both tokens good when both are shown, and takes the agent from the agent token', () => {
    const state = after(
      ['token.issue', issue('billing', agent)],
      ['run.start', start('r1', run, { actor: { agent_id: 'coder' } })],
    );
    const both = { agent_token: agent.token, run_token: run.token };
    assert.deepEqual(who(state, both), {
      level: 'issued',
      agent_id: 'billing',
      token_id: agent.id,
      run_id: 'r1',
    });
    assert.equal(failureOf(state, { ...both, run_token: mint('run').token }), 'token_invalid');
    applyEntry(state, entryOf(2, 'run.end', { run_id: 'r1' }));
    assert.equal(failureOf(state, both), 'token_revoked');
  });

  it('refuses an agent token and a run token that are bound to different projects', () => {
    const state = after(
      ['token.issue', issue('a', agent, { project_id: 'web' })],
      ['run.start', start('r1', run, { project_id: 'api' })],
    );
    assert.equal(
      failureOf(state, { agent_token: agent.token, run_token: run.token }),
      'agent_project_mismatch',
    );
  });

  it('ends in an answer on any claims', () => {
    const state = after(['token.issue', issue('a', agent)], ['run.start', start('r1', run)]);
    const text = fc.oneof(fc.string(), fc.constantFrom(agent.token, run.token, 'a', '__proto__'));
    const claims = fc.record(
      { agent_id: text, agent_token: text, run_token: text, project_id: text, environment: text },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(claims, (c) => {
        const identity = who(state, c);
        if (identity.level !== 'issued') return;
        assert.equal(identity.failure, undefined);
        assert.ok(c.agent_token === agent.token || c.run_token === run.token);
      }),
    );
  });
});
