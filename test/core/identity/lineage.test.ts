import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Entry } from '../../../src/core/entry.ts';
import { lineageOf, tokenStatus } from '../../../src/core/identity/lineage.ts';
import { applyEntry, emptyRegistry } from '../../../src/core/identity/registry.ts';
import { parseRegistry, serializeRegistry } from '../../../src/core/identity/saved.ts';
import type { MintedToken } from '../../../src/core/identity/token.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { after, entryOf, failureOf, issue, mint, start, T0, who } from './entries.ts';

const SCOPES = ['a', 'b', 'c'];
const tokens = Array.from({ length: 8 }, () => mint('agent'));
const runs = Array.from({ length: 3 }, () => mint('run'));
const idOf = (at: number): string => [...tokens, ...runs][at % 11]?.id ?? '';

type Step = readonly [type: string, rest: Partial<Entry>];

/** Anything that a recorder may have written, and what somebody may have forged into a log. */
const step: fc.Arbitrary<Step> = fc.oneof(
  fc
    .record({
      at: fc.nat(7),
      parent: fc.option(fc.oneof(fc.nat(10).map(idOf), fc.constantFrom('agt_none', '', 7)), {
        nil: undefined,
      }),
      user_id: fc.constantFrom(undefined, 'u_1', 'u_2', ''),
      scopes: fc.oneof(
        fc.option(fc.subarray(SCOPES), { nil: undefined }),
        fc.constantFrom('a', 7, ['a', 7], null),
      ),
      contract: fc.constantFrom(undefined, { tools: ['a'] }, { tools: ['a*'], hosts: [] }, 'all', {
        credentials: 1,
      }),
      minutes: fc.option(fc.integer({ min: -5, max: 60 }), { nil: undefined }),
      project_id: fc.constantFrom(undefined, 'web', 'shop'),
      chain: fc.constantFrom(undefined, [], ['owner', 'boss']),
    })
    .map(({ at, minutes, ...rest }): Step => {
      const expires =
        minutes === undefined ? {} : { expires_at: new Date(T0 + minutes * 60_000).toISOString() };
      const said = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
      return ['token.issue', issue(`agent-${at}`, tokens[at] as MintedToken, { ...said, ...expires })];
    }),
  fc
    .record({
      at: fc.nat(2),
      under: fc.option(fc.nat(10).map(idOf), { nil: undefined }),
      other: fc.boolean(),
    })
    .map(({ at, under, other }): Step => {
      const run = runs[at] as MintedToken;
      const metadata = {
        token_id: run.id,
        token_hash: run.hash,
        ...(under === undefined ? {} : { under }),
        ...(other ? { started_by: 'other' } : {}),
      };
      return ['run.start', start(run.id, run, { metadata, actor: { agent_id: `agent-${at}` } })];
    }),
  fc.nat(10).map((at): Step => ['token.revoke', { metadata: { token_id: idOf(at) } }]),
  fc.nat(2).map((at): Step => ['run.end', { run_id: runs[at]?.id ?? '' }]),
);
const steps = fc.array(step, { maxLength: 25 });
const claims = [
  ...tokens.map(({ token }) => ({ agent_token: token })),
  ...runs.map(({ token }) => ({ run_token: token })),
];

describe('what tokens are derived from', () => {
  it('bounds them: nobody has more than any hand above, and none outlives one', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const state = after(...list);
        for (const claim of claims) {
          const identity = who(state, claim);
          const token = state.tokens.get(identity.token_id ?? '');
          if (token === undefined) continue;
          const { line } = lineageOf(state, token);
          const chain = identity.delegation ?? [];
          assert.equal(chain.length, line.filter(({ parent }) => parent !== undefined).length);
          if (identity.failure !== undefined) continue;
          for (const above of line) {
            assert.equal(tokenStatus(state, above, T0), 'live');
            if (above.scopes !== undefined)
              assert.ok(identity.scopes?.every((scope) => above.scopes?.includes(scope)));
            if (above.user_id !== undefined) assert.equal(identity.user_id, above.user_id);
            if (above.project_id !== undefined) assert.equal(identity.project_id, above.project_id);
          }
          for (const [i, hand] of chain.entries())
            for (const later of chain.slice(i + 1))
              if (hand.scopes !== undefined)
                assert.ok(later.scopes?.every((scope) => hand.scopes?.includes(scope)));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is read from the log alone, and from a saved state, alike', () => {
    fc.assert(
      fc.property(steps, fc.nat(25), (list, cut) => {
        const whole = after(...list);
        const head = after(...list.slice(0, cut));
        const saved = parseRegistry(serializeRegistry({ state: head, open: [] }));
        assert.ok(saved !== undefined);
        for (const [i, [type, rest]] of list.entries()) applyEntry(saved.state, entryOf(i, type, rest));
        for (const claim of claims) assert.deepEqual(who(saved.state, claim), who(whole, claim));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is what the log says and not what an entry says of its chain', () => {
    const [a, b] = tokens as [MintedToken, MintedToken];
    const state = after(
      ['token.issue', issue('low', a, { scopes: ['a'], user_id: 'u_1' })],
      // Forged, or of a version with a mistake: wider than its parent, for somebody else, with a chain of its own.
      ['token.issue', issue('low-2', b, { parent: a.id, scopes: ['a', 'b'], chain: ['owner'] })],
    );
    const { delegation, scopes } = who(state, { agent_token: b.token });
    assert.deepEqual([delegation?.map(({ agent_id }) => agent_id), scopes], [['low'], ['a']]);
  });

  it('makes nothing of a token whose parent nobody knows', () => {
    const [a, b] = tokens as [MintedToken, MintedToken];
    for (const parent of ['agt_none', b.id, a.id, '', 7, null]) {
      const state = after(['token.issue', issue('x', a, { parent })]);
      assert.equal(failureOf(state, { agent_token: a.token }), 'token_invalid', String(parent));
    }
  });

  it('gives nothing where what it says cannot be read', () => {
    const [a] = tokens as [MintedToken];
    const of = (rest: Record<string, unknown>) =>
      who(after(['token.issue', issue('x', a, rest)]), { agent_token: a.token });
    for (const scopes of ['a', 7, null, {}, Array(LIMITS.tokenScopes + 1).fill('a')])
      assert.deepEqual(of({ scopes }).scopes, [], JSON.stringify(scopes).slice(0, 40));
    for (const contract of ['x', 7, null, []])
      assert.deepEqual(of({ contract }).contract, { credentials: { allow: [] }, tools: [], hosts: [] });
    assert.deepEqual(of({ contract: { credentials: { deny: 'X' } } }).contract, {
      credentials: { allow: [], deny: [] },
    });
  });

  it('does not vouch for a name that a run only claimed', () => {
    const [b, nested] = [tokens[0], runs[1]] as [MintedToken, MintedToken];
    const run = runs[0] as MintedToken;
    const meta = (token: MintedToken, more: object) => ({
      metadata: { token_id: token.id, token_hash: token.hash, ...more },
      actor: { agent_id: 'coder' },
    });
    const state = after(
      ['run.start', start('r', run, meta(run, { started_by: 'other' }))],
      ['token.issue', issue('helper', b, { parent: run.id })],
      ['run.start', start('n', nested, meta(nested, { started_by: 'other', under: b.id }))],
    );
    assert.equal(who(state, { agent_token: b.token }).level, 'declared');
    assert.equal(who(state, { run_token: nested.token }).level, 'declared');
  });

  it('ends in an answer on any saved state that is read, however it was damaged', () => {
    const good = (list: readonly Step[]) => serializeRegistry({ state: after(...list), open: [] });
    const damage = fc.record({ at: fc.nat(), length: fc.nat(40), text: fc.oneof(fc.string(), fc.json()) });
    const other = fc.oneof(fc.nat(10).map(idOf), fc.json());
    fc.assert(
      fc.property(steps, fc.array(damage, { maxLength: 3 }), fc.nat(10), other, (list, damages, from, to) => {
        let text = good(list);
        for (const { at, length, text: put } of damages) {
          const start = at % (text.length + 1);
          text = text.slice(0, start) + put + text.slice(start + length);
        }
        // One token's id for another's: what it was derived from, or something that never was.
        for (const saved of [text, good(list).replaceAll(idOf(from), to)]) {
          const parsed = parseRegistry(saved);
          for (const claim of parsed === undefined ? [] : claims) {
            const { level, failure } = who(parsed?.state ?? emptyRegistry(), claim);
            assert.ok(level !== 'issued' || failure === undefined);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('is refused in a saved state where it goes in circles or forwards', () => {
    const [a, b] = tokens as [MintedToken, MintedToken];
    const state = after(['token.issue', issue('a', a)], ['token.issue', issue('b', b, { parent: a.id })]);
    const good = JSON.parse(serializeRegistry({ state, open: [] })) as { tokens: Record<string, unknown>[] };
    assert.ok(parseRegistry(JSON.stringify(good)) !== undefined);
    const [first, second] = good.tokens;
    const forged = (list: unknown[]) => parseRegistry(JSON.stringify({ ...good, tokens: list }));
    assert.equal(forged([{ ...first, parent: b.id }, second]), undefined);
    assert.equal(forged([{ ...first, parent: a.id }, second]), undefined);
    assert.equal(forged([second, first]), undefined);
    assert.ok(forged([second]) !== undefined, 'a parent that was forgotten is a dead one');
    const alone = forged([second]);
    assert.ok(alone !== undefined);
    assert.equal(failureOf(alone.state, { agent_token: b.token }), 'token_revoked');
  });

  it('is forgotten once it is dead and there are too many, and never comes back', () => {
    const state = emptyRegistry();
    let index = 0;
    const add = (type: string, rest: Partial<Entry>): void => applyEntry(state, entryOf(index++, type, rest));
    const [parent, child, kept] = tokens as [MintedToken, MintedToken, MintedToken];
    add('token.issue', issue('a', parent));
    add('token.issue', issue('b', child, { parent: parent.id }));
    add('token.issue', issue('c', kept));
    add('token.revoke', { metadata: { token_id: parent.id } });
    const hash = parent.hash;
    for (let i = state.tokens.size; i <= LIMITS.rememberedTokens; i++)
      add('token.issue', { metadata: { agent_id: 'many', token_id: `agt_${i}`, token_hash: hash } });
    assert.equal(state.tokens.size, LIMITS.rememberedTokens - 1);
    for (const { token } of [parent, child])
      assert.equal(failureOf(state, { agent_token: token }), 'token_invalid');
    assert.equal(failureOf(state, { agent_token: kept.token }), undefined);
  });
});
