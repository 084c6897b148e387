import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../../../src/core/limits.ts';
import type { CompiledPolicy, PolicyInForce } from '../../../src/core/policy/compiled.ts';
import { decide } from '../../../src/core/policy/decide.ts';
import { normalizeHost } from '../../../src/core/policy/hosts.ts';
import { readInputs } from '../../../src/core/policy/inputs.ts';
import { isReasonCode } from '../../../src/core/policy/reasons.ts';
import { policyFromSnapshot, policyInForce } from '../../../src/core/policy/snapshot.ts';
import type { DecisionInputs, DecisionRequest } from '../../../src/core/policy/types.ts';
import { compiled, HOSTS, inputs, policy, request } from './arbitraries.ts';
import { inputsOf, policyOf, requestTo } from './fixtures.ts';

const runs = { numRuns: 2_000 };

describe('decide', () => {
  it('replays: a snapshot, a request and recorded inputs read back from text give the same decision', () => {
    fc.assert(
      fc.property(policy, request, inputs, (p, r, i) => {
        const decision = decide(r, p, i);
        const text = JSON.stringify(decision);
        const recorded: unknown = JSON.parse(text);
        const again = readInputs((recorded as { inputs: unknown }).inputs);
        assert.ok(again !== undefined);
        const reloaded = policyFromSnapshot(Uint8Array.from(p.snapshot));
        assert.equal(JSON.stringify(decide(JSON.parse(JSON.stringify(r)), reloaded, again)), text);
      }),
      runs,
    );
  });

  it('shows in the replay when a recorded decision was altered', () => {
    const p = policyOf('allowlist: [a.example]');
    const honest = decide(requestTo('https://b.example/'), p, inputsOf());
    const altered = { ...honest, outcome: 'allow' as const };
    const again = decide(requestTo('https://b.example/'), p, readInputs(altered.inputs) ?? inputsOf());
    assert.notDeepEqual(again, altered);
    assert.deepEqual(again, honest);
  });

  it('is deterministic and changes nothing that it is given', () => {
    fc.assert(
      fc.property(policy, request, inputs, (p, r, i) => {
        const before = JSON.stringify([p.compiled, r, i]);
        const first = decide(r, p, i);
        // Another object with the same content: the index is rebuilt and must not matter.
        const twin: PolicyInForce = { ...p, compiled: structuredClone(p.compiled) };
        assert.deepEqual(decide(structuredClone(r), twin, structuredClone(i)), first);
        assert.equal(JSON.stringify([p.compiled, r, i]), before);
      }),
      runs,
    );
  });

  it('allows only when a line names the host, and gives a reason of the table otherwise', () => {
    fc.assert(
      fc.property(policy, request, inputs, (p, r, i) => {
        const decision = decide(r, p, i);
        assert.ok(JSON.stringify(decision.inputs).length <= LIMITS.decisionInputsBytes);
        if (decision.outcome !== 'allow') {
          assert.ok(isReasonCode(decision.reason ?? ''));
          assert.deepEqual(decision.layers.at(-1), {
            layer: decision.layer,
            result: 'fail',
            reason: decision.reason,
          });
          return;
        }
        assert.equal(decision.reason, undefined);
        assert.equal(i.identity.failure, undefined);
        if (r.action.target === undefined) {
          assert.ok(
            r.credentials.every((c) => p.compiled.credentials[c.ref]?.styles?.includes('env_inject')),
          );
          return;
        }
        const known = normalizeHost(r.action.target.host ?? '');
        assert.ok('host' in known);
        const line = p.compiled.allowlist.find((l) => l.host === known.host);
        assert.ok(line !== undefined);
        assert.ok(!['169.254.169.254', 'metadata.google.internal'].includes(known.host));
        assert.ok(!i.addresses?.some((a) => a === '169.254.169.254' || a === 'x'));
      }),
      runs,
    );
  });

  it('never throws and never allows on any junk', () => {
    const junk = fc.oneof(
      fc.anything({
        withBigInt: true,
        withNullPrototype: true,
        withMap: true,
        withSparseArray: true,
        withDate: true,
      }),
      fc.constant({
        get action(): never {
          throw new Error('a hostile getter');
        },
      }),
      fc.constant({
        get identity(): never {
          throw {
            get message(): never {
              throw new Error('twice');
            },
          };
        },
      }),
      fc.record({
        action: fc.anything(),
        credentials: fc.anything(),
        identity: fc.anything(),
        decided_at: fc.anything(),
      }),
      fc.record({
        action: fc.record({ name: fc.string(), target: fc.object() }),
        credentials: fc.array(fc.object()),
      }),
    );
    const p = policyOf('allowlist: [a.example, "0.0.0.1"]');
    fc.assert(
      fc.property(junk, junk, junk, (a, b, c) => {
        const tried: readonly (readonly [unknown, unknown, unknown])[] = [
          [a, p, inputsOf()],
          [requestTo('https://a.example/'), b, inputsOf()],
          [requestTo('https://a.example/'), p, c],
          [a, b, c],
        ];
        for (const [r, q, i] of tried) {
          const decision = decide(r as DecisionRequest, q as PolicyInForce, i as DecisionInputs);
          assert.equal(decision.outcome, 'stop');
          assert.ok(isReasonCode(decision.reason ?? ''));
          JSON.stringify(decision);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  /** Each makes a policy stricter. */
  const tighten: Readonly<Record<string, (p: CompiledPolicy, n: number) => CompiledPolicy>> = {
    'dropping a line of the allowlist': (p, n) => ({
      ...p,
      allowlist: p.allowlist.filter((_, i) => i !== n % Math.max(1, p.allowlist.length)),
    }),
    'unmarking a line': (p, n) => ({
      ...p,
      allowlist: p.allowlist.map((line, i) =>
        i !== n % p.allowlist.length
          ? line
          : { host: line.host, ...(line.port === undefined ? {} : { port: line.port }) },
      ),
    }),
    'stopping anonymous callers': (p) => ({ ...p, identity: { ...p.identity, anonymous: 'stop' } }),
    'stopping declared callers': (p) => ({ ...p, identity: { ...p.identity, declared: 'stop' } }),
    'protecting an agent’s name': (p) => ({ ...p, agents: { ...p.agents, x: { requires: 'issued' } } }),
    'requiring a token for a credential': (p) => ({
      ...p,
      credentials: { ...p.credentials, K: { ...p.credentials.K, requires: 'issued' } },
    }),
    'binding a credential to fewer hosts': (p, n) => ({
      ...p,
      credentials: {
        ...p.credentials,
        K: { ...p.credentials.K, hosts: (p.credentials.K?.hosts ?? HOSTS).slice(n % 3) },
      },
    }),
    'stopping a method': (p) => ({
      ...p,
      credentials: {
        ...p.credentials,
        K: { ...p.credentials.K, methods: { ...p.credentials.K?.methods, POST: 'stop' } },
      },
    }),
  };
  for (const [what, change] of Object.entries(tighten))
    it(`never allows more after ${what}`, () => {
      fc.assert(
        fc.property(compiled, fc.nat(100), request, inputs, (loose, n, r, i) => {
          const strict = decide(r, policyInForce(change(loose, n)), i);
          if (strict.outcome === 'allow') assert.equal(decide(r, policyInForce(loose), i).outcome, 'allow');
        }),
        runs,
      );
    });

  it('never allows more when an address is added to what the name resolved to', () => {
    fc.assert(
      fc.property(policy, request, inputs, fc.constantFrom('10.0.0.1', '93.184.215.14'), (p, r, i, more) => {
        const addresses = i.addresses ?? [];
        fc.pre(addresses.length > 0);
        const wide = decide(r, p, { ...i, addresses: [...addresses, more] });
        if (wide.outcome === 'allow') assert.equal(decide(r, p, i).outcome, 'allow');
      }),
      runs,
    );
  });

  it('finds a host among a thousand lines about as fast as among ten', () => {
    const listed = (n: number): PolicyInForce =>
      policyOf(`allowlist:\n${Array.from({ length: n }, (_, k) => `  - h${k}.example`).join('\n')}`);
    const r = requestTo('https://h7.example/', { credentials: [['K', 'bearer']] });
    const i = inputsOf({ addresses: ['93.184.215.14'] });
    const median = (p: PolicyInForce): number => {
      const times: number[] = [];
      for (let k = 0; k < 4_000; k++) {
        const start = performance.now();
        decide(r, p, i);
        times.push(performance.now() - start);
      }
      return times.toSorted((a, b) => a - b)[2_000] ?? 0;
    };
    const [few, many] = [listed(10), listed(1_000)];
    median(few);
    median(many);
    assert.ok(median(many) < 5 * median(few));
  });
});
