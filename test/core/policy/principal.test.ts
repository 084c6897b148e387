import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EntrySchema, ROLES } from '../../../src/core/entry.ts';
import type { CompiledPolicy, UserRule } from '../../../src/core/policy/compiled.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import {
  actorFor,
  calledBy,
  principalOf,
  roleOf,
  rolesOf,
  scopesHeld,
} from '../../../src/core/policy/principal.ts';
import type { Identity, Principal } from '../../../src/core/policy/types.ts';

const BASE = compilePolicy('version: "1"\nallowlist: []\n', { id: 'local' }).compiled;
const policy = (users: Record<string, UserRule>, roles: CompiledPolicy['roles'] = {}): CompiledPolicy => ({
  ...BASE,
  users,
  roles,
});
const OWNER = { id: 'ada' };
const DIRECT: Identity = { level: 'declared', agent_id: 'coder' };
const forUser = (user_id: string): Identity => ({
  level: 'issued',
  agent_id: 'coder',
  token_id: 'agt_1',
  user_id,
});

describe('who stands behind a call', () => {
  const listed = policy({
    u_1: { email: 'eve@example.com', roles: ['member'] },
    ada: { roles: ['auditor'] },
  });
  const cases: readonly (readonly [string, Principal | undefined, Principal | undefined])[] = [
    [
      'the machine’s user, where no users are named',
      principalOf(BASE, DIRECT, OWNER),
      { id: 'ada', source: 'owner' },
    ],
    ['nobody, on a recorder that others call', principalOf(BASE, DIRECT, undefined), undefined],
    [
      'the token’s user, where no users are named',
      principalOf(BASE, forUser('x'), OWNER),
      { id: 'x', source: 'token' },
    ],
    [
      'the machine’s user, where it is named',
      principalOf(listed, DIRECT, OWNER),
      { id: 'ada', source: 'owner' },
    ],
    ['nobody, where the machine’s user is not named', principalOf(listed, DIRECT, { id: 'bob' }), undefined],
    [
      'nobody, under a name that objects inherit',
      principalOf(listed, DIRECT, { id: 'constructor' }),
      undefined,
    ],
    [
      'the token’s user with the e-mail of the policy',
      principalOf(listed, forUser('u_1'), OWNER),
      { id: 'u_1', email: 'eve@example.com', source: 'token' },
    ],
    [
      'the token’s user, who is none of the policy’s any more',
      principalOf(listed, forUser('__proto__'), OWNER),
      { id: '__proto__', source: 'token' },
    ],
  ];
  for (const [what, is, should] of cases) it(`is ${what}`, () => assert.deepEqual(is, should));
});

describe('the role of a user', () => {
  const of = (rule: UserRule) => roleOf(policy({ u: rule }), { id: 'u', source: 'token' });
  it('is the strongest that the policy gives, and member for whoever has none of ours', () => {
    assert.equal(of({ roles: ['auditor', 'clerk', 'admin', 'member'] }), 'admin');
    assert.equal(of({ roles: ['clerk'] }), 'member');
    assert.equal(of({ roles: [] }), 'member');
    assert.equal(of({ roles: ['auditor'] }), 'auditor');
    assert.equal(of({ roles: ['clerk'], service: true }), 'service');
    assert.deepEqual(
      rolesOf(policy({ u: { roles: ['clerk'], service: true } }), { id: 'u', source: 'token' }),
      ['clerk', 'service'],
    );
  });

  it('is owner for the user of a machine whose policy names no users, and none for anybody else there', () => {
    assert.equal(roleOf(BASE, { id: 'ada', source: 'owner' }), 'owner');
    assert.equal(roleOf(BASE, { id: 'x', source: 'token' }), undefined);
    assert.equal(roleOf(policy({}), { id: 'ada', source: 'owner' }), undefined);
    assert.equal(roleOf(BASE, undefined), undefined);
  });

  it('gives the scopes of the policy’s roles, and those of the user', () => {
    const roles = { clerk: { scopes: ['crm.read'] }, owner: { scopes: ['all'] } };
    const users = {
      u: { roles: ['clerk', 'nowhere', 'constructor'], scopes: ['own'] },
      v: { roles: ['owner'] },
    };
    const p = policy(users, roles);
    assert.deepEqual(scopesHeld(p, { id: 'u', source: 'token' }), ['own', 'crm.read']);
    assert.deepEqual(scopesHeld(p, { id: 'v', source: 'token' }), ['all']);
    assert.deepEqual(scopesHeld(p, { id: 'w', source: 'token' }), []);
    assert.deepEqual(scopesHeld(p, undefined), []);
    assert.equal(scopesHeld(BASE, undefined), undefined, 'everything');
  });
});

describe('the actor of a call', () => {
  it('always has its chain, and is one that an entry takes, whatever is known', () => {
    const text = fc.oneof(
      fc.constantFrom('u', 'constructor', '__proto__'),
      fc.string({ minLength: 1, maxLength: 20 }),
    );
    const maybe = fc.option(text, { nil: undefined });
    const identity = fc
      .record({
        level: fc.constantFrom('anonymous' as const, 'declared' as const, 'issued' as const),
        agent_id: maybe,
        token_id: maybe,
        user_id: maybe,
        delegation: fc.option(fc.array(fc.record({ agent_id: text }), { maxLength: 32 }), { nil: undefined }),
        failure: fc.constantFrom(undefined, 'token_revoked' as const),
      })
      .map((made) => JSON.parse(JSON.stringify(made)) as Identity);
    const users = fc.option(
      fc.dictionary(text, fc.record({ roles: fc.subarray([...ROLES, 'clerk']), service: fc.boolean() })),
      { nil: undefined },
    );
    fc.assert(
      fc.property(identity, users, fc.option(text, { nil: undefined }), (who, named, machine) => {
        const p: CompiledPolicy = named === undefined ? BASE : { ...BASE, users: named };
        const principal = principalOf(p, who, machine === undefined ? undefined : { id: machine });
        const { actor, quality = {} } = calledBy(p, who, principal);
        assert.ok(EntrySchema.shape.actor.safeParse(actor).success);
        assert.deepEqual(
          actor.delegation_chain,
          (who.delegation ?? []).map(({ agent_id }) => agent_id),
        );
        assert.equal(actor.user?.id, principal?.id);
        assert.equal(actor.on_behalf_of?.id, principal?.id);
        // Only what a good token says is unmarked.
        if (principal !== undefined)
          assert.equal(
            quality['actor.user'] === undefined,
            principal.source === 'token' && who.failure === undefined,
          );
      }),
    );
    assert.deepEqual(actorFor(BASE, { level: 'anonymous' }, undefined), {
      identity_level: 'anonymous',
      delegation_chain: [],
    });
  });
});
