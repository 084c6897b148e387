import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Entry } from '../../../src/core/entry.ts';
import { listPage, listRows } from '../../../src/core/identity/list.ts';
import { applyEntry, emptyRegistry } from '../../../src/core/identity/registry.ts';
import type { MintedToken } from '../../../src/core/identity/token.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { after, entryOf, failureOf, issue, mint, start, T0 } from './entries.ts';

describe('the registry', () => {
  const token = mint('agent');
  const SELF = entryOf(0, 'x').source;
  const notDone: Readonly<Record<string, Partial<Entry>>> = {
    'reported by the client itself': { source: { ...SELF, assurance: 'self_reported' } },
    'that was stopped': { decision: { outcome: 'stop', layers: [] }, outcome: { status: 'blocked' } },
    'that waits for an approval': { decision: { outcome: 'approval_required', layers: [] } },
    'that failed': { outcome: { status: 'error' } },
    'that only announces': { phase: 'pre_exec' },
  };
  for (const [what, rest] of Object.entries(notDone))
    it(`takes no token from an entry ${what}`, () => {
      const state = after(
        ['token.issue', { ...issue('a', token), ...rest }],
        ['agent.register', { metadata: { agent_id: 'b' }, ...rest }],
      );
      assert.deepEqual([state.tokens.size, state.agents.size], [0, 0]);
    });

  it('revokes nothing, starts and ends no run, because a client says so', () => {
    const run = mint('run');
    const source = { ...SELF, assurance: 'self_reported' as const };
    const state = after(
      ['token.issue', issue('a', token)],
      ['token.revoke', { metadata: { token_id: token.id }, source }],
      ['run.start', start('r1', run)],
      ['run.end', { run_id: 'r1', source }],
      ['run.start', start('r2', mint('run'), { source })],
    );
    assert.equal(failureOf(state, { agent_token: token.token, run_token: run.token }), undefined);
    assert.equal(state.runs.size, 1);
  });

  it('keeps the first hash of a token id: no later entry can take the token over', () => {
    const thief = mint('agent');
    const state = after(
      ['token.issue', issue('billing', token)],
      ['token.issue', issue('billing', { ...thief, id: token.id })],
      ['run.start', start('r', { ...thief, id: token.id })],
    );
    assert.equal(failureOf(state, { agent_token: token.token }), undefined);
    assert.equal(
      failureOf(state, { agent_token: `${token.id}.${thief.token.split('.')[1]}` }),
      'token_invalid',
    );
  });

  it('does not restart a run that ended', () => {
    const run = mint('run');
    const state = after(
      ['run.start', start('r1', run)],
      ['run.end', { run_id: 'r1' }],
      ['run.start', start('r1', mint('run'))],
    );
    assert.equal(failureOf(state, { run_token: run.token }), 'token_revoked');
    assert.equal(state.tokens.size, 1);
  });

  it('forgets ended runs beyond its limit, oldest first, and never lets their tokens in again', () => {
    const state = emptyRegistry();
    const tokens: MintedToken[] = [];
    let index = 0;
    const add = (type: string, rest: Partial<Entry>): void => applyEntry(state, entryOf(index++, type, rest));
    for (let i = 0; i <= LIMITS.rememberedRuns; i++) {
      const run = mint('run');
      tokens.push(run);
      add('run.start', start(`r${i}`, run));
      add('run.end', { run_id: `r${i}` });
    }
    assert.deepEqual(
      [state.runs.size, state.tokens.size, state.ended.length],
      Array(3).fill(LIMITS.rememberedRuns),
    );
    assert.equal(failureOf(state, { run_token: tokens[0]?.token ?? '' }), 'token_invalid');
    assert.equal(failureOf(state, { run_token: tokens[1]?.token ?? '' }), 'token_revoked');
  });

  it('lists agents and tokens with their state and without their hashes', () => {
    const old = mint('agent');
    const state = after(
      ['agent.register', { metadata: { agent_id: 'billing', description: 'pays' } }],
      ['token.issue', issue('billing', token, { label: 'ci' })],
      ['token.issue', issue('billing', old)],
      ['token.revoke', { metadata: { token_id: old.id } }],
      ['token.issue', issue('ghost', mint('agent'), { expires_at: '2000-01-01T00:00:00.000Z' })],
    );
    const { agents, tokens } = listPage(listRows(state, T0));
    assert.deepEqual(agents, [
      {
        agent_id: 'billing',
        description: 'pays',
        registered_at: '2026-11-20T10:00:00.000Z',
        live_tokens: 1,
      },
      { agent_id: 'ghost', live_tokens: 0 },
    ]);
    assert.deepEqual(
      tokens.map((t) => t.status),
      ['live', 'revoked', 'expired'],
    );
    assert.deepEqual(tokens[0], {
      token_id: token.id,
      kind: 'agent',
      tenant_id: 'local',
      agent_id: 'billing',
      label: 'ci',
      issued_at: '2026-11-20T10:00:01.000Z',
      status: 'live',
    });
    assert.ok(!JSON.stringify(tokens).includes(token.hash));
  });

  it('lists page by page what it lists as a whole, and a row that is larger than a page', () => {
    const steps = Array.from({ length: 40 }, (_, i): [string, Partial<Entry>] =>
      i % 3 === 0
        ? ['agent.register', { metadata: { agent_id: `agent-${i}`, description: 'é'.repeat(i * 20) } }]
        : ['token.issue', issue(`agent-${i}`, mint('agent'), { label: 'é'.repeat(i * 5) })],
    );
    const state = after(...steps);
    const whole = listPage(listRows(state, T0));
    assert.equal(whole.next, undefined);
    for (const bytes of [1, 500, 4_000]) {
      const agents: unknown[] = [];
      const tokens: unknown[] = [];
      for (let from: number | undefined = 0; from !== undefined; ) {
        const page: ReturnType<typeof listPage> = listPage(listRows(state, T0, {}, from), bytes);
        const size = Buffer.byteLength(JSON.stringify(page));
        assert.ok(size <= bytes + 200 || page.agents.length + page.tokens.length === 1, `${size} bytes`);
        agents.push(...page.agents);
        tokens.push(...page.tokens);
        from = page.next;
      }
      assert.deepEqual({ agents, tokens }, whole);
    }
    const [first] = whole.tokens;
    assert.deepEqual(listPage(listRows(state, T0, { name: first?.token_id ?? '' })), {
      agents: whole.agents.filter(({ agent_id }) => agent_id === first?.agent_id),
      tokens: [first],
    });
  });
});
