import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isTallyError } from '../../src/core/error.ts';
import { parseToken } from '../../src/core/identity/token.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { compilePolicy } from '../../src/core/policy/load.ts';
import { USERS, world } from '../support/agents.ts';
import { PERSON } from '../support/serve.ts';
import { assertVerifies } from '../support/verify.ts';

const WITHOUT_U17 = USERS.replace(/^ {2}u_17: .*\n/m, '');
const ADA = { id: 'u_17', email: 'ada@example.com' };
const HOUR_S = 3_600;

describe('a task that is passed on', () => {
  test('through three hands has all of them in the record of each call, the first delegator first', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', {
      user_id: 'u_17',
      scopes: ['crm.read', 'crm.write', 'payments.write'],
    });
    const b = await w.delegate(a.token, 'researcher', { scopes: ['crm.read', 'crm.write'] });
    const c = await w.delegate(b.token, 'writer', { scopes: ['crm.read'] });
    const d = await w.delegate(c.token, 'checker');
    const { decision, receipt } = await w.use('crm.lookup', { agent_token: d.token });
    assert.equal(decision.outcome, 'allow');

    const entry = w.entry(receipt.index);
    assert.deepEqual(entry.actor, {
      identity_level: 'issued',
      agent_id: 'checker',
      agent_token_id: d.token_id,
      user: ADA,
      on_behalf_of: { type: 'user', id: 'u_17' },
      role: 'member',
      delegation_chain: ['orchestrator', 'researcher', 'writer'],
    });
    assert.equal(entry.quality, undefined, 'all of it was checked for this call');
    assert.deepEqual(entry.decision?.inputs?.identity, {
      level: 'issued',
      agent_id: 'checker',
      token_id: d.token_id,
      user_id: 'u_17',
      scopes: ['crm.read'],
      delegation: [
        {
          agent_id: 'orchestrator',
          token_id: a.token_id,
          scopes: ['crm.read', 'crm.write', 'payments.write'],
        },
        { agent_id: 'researcher', token_id: b.token_id, scopes: ['crm.read', 'crm.write'] },
        { agent_id: 'writer', token_id: c.token_id, scopes: ['crm.read'] },
      ],
    });

    const stopped = await w.use('refund.create', { agent_token: d.token });
    assert.deepEqual(
      [stopped.decision.outcome, stopped.decision.reason, stopped.decision.layer],
      ['stop', 'scope_missing', 'scopes'],
    );
    assert.deepEqual(w.entry(stopped.receipt.index).actor, entry.actor, 'a stopped call has the same actor');
    await w.recorder.close('test');
    await assertVerifies(w.box);
  });

  test('along parallel chains is told apart, and a direct call has an empty chain', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', { user_id: 'u_17' });
    const left = await w.delegate(a.token, 'left', { scopes: ['crm.read'] });
    const right = await w.delegate(a.token, 'right', { scopes: ['payments.write'] });
    const below = await w.delegate(right.token, 'below');
    const chains = [];
    for (const { token } of [a, left, right, below]) {
      const { receipt } = await w.use('crm.lookup', { agent_token: token });
      const { actor, decision } = w.entry(receipt.index);
      chains.push([actor?.agent_id, actor?.delegation_chain, decision?.outcome, decision?.reason]);
    }
    assert.deepEqual(chains, [
      ['orchestrator', [], 'allow', undefined],
      ['left', ['orchestrator'], 'allow', undefined],
      ['right', ['orchestrator'], 'stop', 'scope_missing'],
      ['below', ['orchestrator', 'right'], 'stop', 'scope_missing'],
    ]);
    await w.recorder.close('test');
  });

  test('is recorded as the issue of a token, with its parent and its chain, and without its secret', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', { user_id: 'u_17', project_id: 'web' });
    const b = await w.delegate(a.token, 'helper', {
      scopes: ['crm.read'],
      label: 'one task',
      expires_in_s: HOUR_S,
      contract: { tools: ['crm.*'], hosts: ['API.Example.com.'], credentials: { allow: ['CRM_KEY'] } },
    });
    const entry = w.last();
    assert.deepEqual([entry.type, entry.phase, entry.outcome], ['token.issue', 'point', { status: 'ok' }]);
    assert.equal(entry.decision, undefined);
    assert.deepEqual(
      { ...entry.metadata, token_hash: undefined },
      {
        kind: 'agent',
        agent_id: 'helper',
        parent: a.token_id,
        chain: ['orchestrator'],
        user_id: 'u_17',
        token_id: b.token_id,
        token_hash: undefined,
        label: 'one task',
        scopes: ['crm.read'],
        contract: { tools: ['crm.*'], hosts: ['api.example.com'], credentials: { allow: ['CRM_KEY'] } },
        expires_at: new Date(w.box.clock.ms + HOUR_S * 1000).toISOString(),
      },
    );
    assert.deepEqual(
      [entry.actor?.agent_id, entry.actor?.agent_token_id, entry.actor?.user, entry.actor?.delegation_chain],
      ['orchestrator', a.token_id, ADA, []],
    );
    const text = JSON.stringify(w.entries());
    for (const { token } of [a, b]) assert.ok(!text.includes(parseToken(token)?.secret ?? 'none'));
    assert.deepEqual(w.recorder.identify({ agent_token: b.token }).project_id, 'web', 'bound as its parent');
    await w.recorder.close('test');
  });

  const NARROW = {
    scopes: ['crm.read'],
    project_id: 'web',
    environment: 'prod',
    expires_in_s: HOUR_S,
  } as const;
  const CONTRACT = { tools: ['crm.*'], hosts: ['*.example.com'], credentials: { allow: ['CRM_*'] } };
  const WIDER = [
    ['a scope', { scopes: ['crm.read', 'payments.write'] }, /does not have scope payments\.write$/],
    ['a later end', { expires_in_s: HOUR_S + 1 }, /until/],
    ['another project', { project_id: 'shop' }, /does not have project shop$/],
    ['another environment', { environment: 'dev' }, /does not have environment dev$/],
    ['a tool', { contract: { tools: ['crm.lookup', 'refund.create'] } }, /tool refund\.create$/],
    ['all tools', { contract: { tools: ['*'] } }, /tool \*$/],
    ['a host', { contract: { hosts: ['example.com'] } }, /host example\.com$/],
    ['a credential', { contract: { credentials: { allow: ['STRIPE_KEY'] } } }, /credential STRIPE_KEY$/],
    ['the operator’s scope', { scopes: ['tally.operator'] }, /scope tally\.operator$/],
  ] as const;
  for (const [what, more, says] of WIDER) {
    test(`with ${what} that the holder lacks is stopped, and on record`, async () => {
      const w = await world();
      const a = await w.issue('orchestrator', {
        user_id: 'u_17',
        ...NARROW,
        scopes: [...NARROW.scopes],
        contract: CONTRACT,
      });
      const before = w.recorder.registry.current().tokens.size;
      await assert.rejects(w.delegate(a.token, 'helper', structuredClone(more) as object), {
        code: 'STOPPED',
        message: says,
      });
      assert.equal(w.recorder.registry.current().tokens.size, before, 'no token came of it');
      const { type, phase, decision, outcome, actor, metadata } = w.last();
      assert.deepEqual(
        [type, phase, outcome?.status, decision?.outcome, decision?.reason, decision?.layer],
        ['token.issue', 'point', 'blocked', 'stop', 'delegation_exceeded', 'delegation'],
      );
      assert.match(decision?.message ?? '', says);
      assert.deepEqual(decision?.layers, [
        { layer: 'delegation', result: 'fail', reason: 'delegation_exceeded' },
      ]);
      assert.deepEqual(decision?.inputs?.identity, w.recorder.identify({ agent_token: a.token }));
      assert.deepEqual([actor?.agent_id, actor?.user, actor?.delegation_chain], ['orchestrator', ADA, []]);
      assert.deepEqual([metadata?.agent_id, metadata?.parent], ['helper', a.token_id]);
      await w.recorder.close('test');
    });
  }

  test('cannot have a scope that its user has lost since', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', { user_id: 'u_18' });
    await assert.rejects(w.delegate(a.token, 'helper', { scopes: ['payments.write'] }), {
      message: /does not have scope payments\.write/,
    });
    await w.delegate(a.token, 'helper', { scopes: ['crm.read'] });
    await w.recorder.close('test');
  });

  test('goes through a bounded number of hands', async () => {
    const w = await world();
    let { token } = await w.issue('a', { user_id: 'u_17' });
    for (let i = 0; i < LIMITS.delegationDepth; i++) ({ token } = await w.delegate(token, `a${i}`));
    const { receipt, decision } = await w.use('crm.lookup', { agent_token: token });
    assert.equal(decision.outcome, 'allow');
    assert.equal(w.entry(receipt.index).actor?.delegation_chain?.length, LIMITS.delegationDepth);
    await assert.rejects(w.delegate(token, 'one-more'), { code: 'STOPPED', message: /32 hands/ });
    assert.equal(w.last().decision?.reason, 'delegation_exceeded');
    await w.recorder.close('test');
  });

  test('with more than the record of a call has room for is stopped when it is passed on, not at each call', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', { user_id: 'u_17' });
    const tools = Array.from({ length: 60 }, (_, i) => `tool-${i}-${'x'.repeat(60)}`);
    await assert.rejects(w.delegate(a.token, 'helper', { contract: { tools } }), { message: /too long/ });
    await assert.rejects(w.issue('other', { contract: { tools } }), { code: 'USAGE' });
    await w.recorder.close('test');
  });

  test('with as much as a request can hold is stopped, and the stop is on record, cut', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', {
      user_id: 'u_17',
      scopes: ['crm.read'],
      contract: { tools: [] },
    });
    const scopes = Array.from({ length: LIMITS.tokenScopes }, (_, i) => `${i}.${'s'.repeat(100)}`);
    const tools = Array.from({ length: LIMITS.contractNames }, (_, i) => `${i}.${'t'.repeat(250)}`);
    const contract = { tools, credentials: { allow: tools, deny: tools } };
    await assert.rejects(w.delegate(a.token, 'helper', { scopes, contract }), { message: /and 120 more$/ });
    const { metadata, decision } = w.last();
    assert.deepEqual(
      [decision?.reason, metadata?.agent_id, metadata?.parent],
      ['delegation_exceeded', 'helper', a.token_id],
    );
    const { left_out_bytes = 0 } = (metadata?.contract ?? {}) as { left_out_bytes?: number };
    assert.ok(left_out_bytes > 40_000);
    await assert.rejects(w.handle('run.start', { agent_token: a.token, scopes, contract }, PERSON), {
      code: 'STOPPED',
    });
    assert.deepEqual([w.last().type, w.last().decision?.reason], ['run.start', 'delegation_exceeded']);
    assert.ok(w.last().metadata?.asked !== undefined);
    await w.recorder.close('test');
    await assertVerifies(w.box);
  });

  test('in a run stays in it: its calls are of that run', async () => {
    const w = await world();
    const run = await w.handle('run.start', { agent_id: 'coder', user_id: 'u_17' }, PERSON);
    const b = await w.delegate(run.token, 'helper');
    const c = await w.delegate(b.token, 'below');
    for (const { token } of [b, c])
      assert.equal(w.recorder.identify({ agent_token: token }).run_id, run.run_id);
    await w.recorder.close('test');
  });

  test('ends in an answer whatever is asked for', async () => {
    const w = await world();
    const { token } = await w.issue('orchestrator', { user_id: 'u_17' });
    const maybe = <T>(of: fc.Arbitrary<T>) => fc.oneof({ weight: 3, arbitrary: of }, fc.anything());
    const asked = fc.record(
      {
        parent: maybe(fc.constantFrom(token, `${token}x`, 'agt_', '')),
        agent_id: maybe(fc.constantFrom('helper', '../x', '')),
        scopes: maybe(fc.array(fc.constantFrom('crm.read', 'a b', '*', '__proto__'))),
        contract: maybe(fc.record({ tools: fc.array(fc.string()), hosts: fc.array(fc.string()) })),
        expires_in_s: maybe(fc.double()),
        label: maybe(fc.string()),
        project_id: maybe(fc.string()),
      },
      { requiredKeys: ['parent', 'agent_id'] },
    );
    await fc.assert(
      fc.asyncProperty(asked, async (params) => {
        const error = await w.handle('token.delegate', params, PERSON).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        assert.ok(error === undefined || isTallyError(error), String(error));
        assert.ok(!String((error as Error | undefined)?.message).includes(parseToken(token)?.secret ?? ''));
      }),
      { numRuns: 200 },
    );
    await w.recorder.close('test');
    await assertVerifies(w.box);
  });

  test('by a run that names no agent, by nobody, or with a token that is no good, is refused and on record', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', { user_id: 'u_17' });
    const run = await w.handle('run.start', { user_id: 'u_17' }, PERSON);
    await assert.rejects(w.delegate(run.token, 'helper'), { message: /names no agent/ });
    assert.equal(w.last().run_id, run.run_id);
    await w.handle('token.revoke', { token_id: a.token_id }, PERSON);
    for (const [parent, reason] of [
      [a.token, 'token_revoked'],
      [`${a.token.slice(0, -1)}${a.token.endsWith('A') ? 'B' : 'A'}`, 'token_invalid'],
      ['nonsense', 'token_invalid'],
    ] as const) {
      await assert.rejects(w.delegate(parent, 'helper'), { code: 'STOPPED' });
      const { type, decision, outcome } = w.last();
      assert.deepEqual(
        [type, decision?.reason, decision?.layer, outcome?.status],
        ['token.issue', reason, 'identity', 'blocked'],
      );
    }
    await w.recorder.close('test');
  });

  test('in a name that the policy gives a credential to brings no credential', async () => {
    const policy = `${USERS}credentials: { STRIPE_KEY: { agents: [billing-tool], hosts: [api.example.com] } }\n`;
    const w = await world({ policy });
    const a = await w.issue('orchestrator', { user_id: 'u_17' });
    const b = await w.delegate(a.token, 'billing-tool');
    const own = await w.issue('billing-tool', { user_id: 'u_17' });
    const call = (agent_token: string) => {
      const identity = w.recorder.identify({ agent_token });
      const target = { scheme: 'https', host: 'api.example.com', path: '/', method: 'GET' };
      const credentials = [{ ref: 'STRIPE_KEY', injection_style: 'bearer' as const }];
      const { outcome, reason } = w.recorder.decide(
        { tenant_id: 'local', action: { name: 'http.call', target }, credentials },
        { identity },
      );
      return [identity.agent_id, outcome, reason];
    };
    assert.deepEqual(call(own.token), ['billing-tool', 'allow', undefined]);
    assert.deepEqual(call(b.token), ['billing-tool', 'stop', 'credential_not_allowed']);
    await w.recorder.close('test');
  });
});

describe('what was passed on ends', () => {
  test('with every token above it, for the next call', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', { user_id: 'u_17' });
    const b = await w.delegate(a.token, 'researcher');
    const c = await w.delegate(b.token, 'writer');
    const sibling = await w.delegate(a.token, 'sibling');
    const reasons = async () => {
      const found = [];
      for (const { token } of [a, b, c, sibling]) {
        const { receipt } = await w.use('crm.lookup', { agent_token: token });
        const { decision, actor } = w.entry(receipt.index);
        found.push([actor?.agent_id, decision?.reason ?? decision?.outcome]);
      }
      return found;
    };
    assert.deepEqual(await reasons(), [
      ['orchestrator', 'allow'],
      ['researcher', 'allow'],
      ['writer', 'allow'],
      ['sibling', 'allow'],
    ]);
    await w.handle('token.revoke', { token_id: b.token_id, reason: 'mid-session' }, PERSON);
    assert.deepEqual(await reasons(), [
      ['orchestrator', 'allow'],
      ['researcher', 'token_revoked'],
      ['writer', 'token_revoked'],
      ['sibling', 'allow'],
    ]);
    const stopped = w.entries('tool.call').at(-2);
    assert.deepEqual(stopped?.actor, {
      identity_level: 'declared',
      agent_id: 'writer',
      agent_token_id: c.token_id,
      user: ADA,
      on_behalf_of: { type: 'user', id: 'u_17' },
      role: 'member',
      delegation_chain: ['orchestrator', 'researcher'],
    });
    assert.deepEqual(stopped?.quality, {
      'actor.agent_id': 'asserted',
      'actor.user': 'asserted',
      'actor.on_behalf_of': 'asserted',
    });
    await w.handle('token.revoke', { token_id: a.token_id }, PERSON);
    assert.deepEqual(
      (await reasons()).map(([, reason]) => reason),
      Array(4).fill('token_revoked'),
    );
    await assert.rejects(w.delegate(c.token, 'late'), { code: 'STOPPED' });
    await w.recorder.close('test');
  });

  test('with its run, and with a run that it was started under', async () => {
    const w = await world();
    const run = await w.handle(
      'run.start',
      { agent_id: 'coder', user_id: 'u_17', scopes: ['crm.read'] },
      PERSON,
    );
    const b = await w.delegate(run.token, 'helper');
    const nested = await w.handle('run.start', {}, { ...PERSON, run_token: run.token });
    const { receipt } = await w.use('crm.lookup', { agent_token: b.token });
    assert.deepEqual(w.entry(receipt.index).actor?.delegation_chain, ['coder']);
    assert.deepEqual(
      w.recorder.identify({ run_token: nested.token }).scopes,
      ['crm.read'],
      'as the outer run',
    );
    const end = { run_id: run.run_id, run_token: run.token, outcome: { status: 'ok' } } as const;
    await w.handle('run.end', end, PERSON);
    assert.equal(w.recorder.identify({ agent_token: b.token }).failure, 'token_revoked');
    assert.equal(w.recorder.identify({ run_token: nested.token }).failure, 'token_revoked');
    await w.recorder.close('test');
  });

  test('at the end of its parent’s time, whatever its own is', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', { user_id: 'u_17', expires_in_s: HOUR_S });
    const b = await w.delegate(a.token, 'helper');
    assert.equal(b.expires_at, a.expires_at, 'no later than the parent');
    w.box.clock.ms += HOUR_S * 1000 - 1;
    assert.equal(w.recorder.identify({ agent_token: b.token }).failure, undefined);
    w.box.clock.ms += 1;
    const { decision } = await w.use('crm.lookup', { agent_token: b.token });
    assert.deepEqual([decision.outcome, decision.reason], ['stop', 'token_expired']);
    const forever = await w.issue('other', { user_id: 'u_17' });
    const short = await w.delegate(forever.token, 'helper');
    assert.equal(Date.parse(short.expires_at) - w.box.clock.ms, LIMITS.delegatedTokenMs);
    await w.recorder.close('test');
  });

  test('when its user is taken out of the policy', async () => {
    const w = await world();
    const a = await w.issue('orchestrator', { user_id: 'u_17' });
    const b = await w.delegate(a.token, 'helper');
    assert.equal((await w.use('crm.lookup', { agent_token: b.token })).decision.outcome, 'allow');
    await w.recorder.usePolicy(compilePolicy(WITHOUT_U17, { id: 'local' }));
    for (const { token } of [a, b]) {
      const { decision, receipt } = await w.use('crm.lookup', { agent_token: token });
      assert.deepEqual(
        [decision.outcome, decision.reason, decision.layer],
        ['stop', 'not_a_member', 'membership'],
      );
      const { actor } = w.entry(receipt.index);
      assert.deepEqual([actor?.user, actor?.role], [{ id: 'u_17' }, undefined], 'who it was is still told');
    }
    await assert.rejects(w.delegate(b.token, 'more'), { code: 'STOPPED' });
    assert.equal(w.last().decision?.reason, 'not_a_member');
    await w.recorder.close('test');
  });
});

test('what a restart knows of delegations from the log alone is what it knew', async () => {
  const w = await world();
  const a = await w.issue('orchestrator', { user_id: 'u_17', scopes: ['crm.read', 'crm.write'] });
  const b = await w.delegate(a.token, 'researcher', { scopes: ['crm.read'], contract: { tools: ['crm.*'] } });
  const c = await w.delegate(b.token, 'writer', { contract: { tools: ['crm.lookup'] } });
  const run = await w.handle(
    'run.start',
    { agent_id: 'coder', user_id: 'u_18', scopes: ['crm.read'] },
    PERSON,
  );
  const d = await w.delegate(run.token, 'helper');
  const gone = await w.delegate(a.token, 'gone');
  await w.handle('token.revoke', { token_id: gone.token_id }, PERSON);
  const all = [
    ...[a, b, c, d, gone].map(({ token }) => ({ agent_token: token })),
    { run_token: run.token },
    { agent_token: b.token, run_token: run.token },
  ];
  const before = all.map((claims) => w.recorder.identify(claims));
  assert.equal(before[2]?.delegation?.length, 2);
  assert.equal(before[6]?.failure, 'token_invalid', 'two tokens of different users are not one caller');
  await w.recorder.close('test');
  w.box.registry.clear();
  const again = await world({}, w.box);
  assert.deepEqual(
    all.map((claims) => again.recorder.identify(claims)),
    before,
  );
  await again.recorder.close('test');
  await assertVerifies(w.box);
});
