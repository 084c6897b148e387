import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { serializeEntry } from '../../../src/core/canonical.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { factsOf } from '../../../src/core/query/call.ts';
import { isFailed, type LogFilter, matches, needlesOf } from '../../../src/core/query/filter.ts';
import { callDrafts } from '../../support/logfiles.ts';

const facts = (call: Parameters<typeof callDrafts>[1]) => {
  const [first, last] = callDrafts(0, call) as unknown as [JsonObject, JsonObject];
  return factsOf({ first, last });
};

describe('a filter', () => {
  const call = facts({
    agent: 'builder',
    host: 'api.stripe.example',
    method: 'POST',
    code: 404,
    credential: 'KEY_A',
  });
  const stopped = facts({ decision: 'stop', reason: 'domain_not_in_allowlist' });
  const cases: readonly [LogFilter, boolean][] = [
    [{}, true],
    [{ agent: 'builder' }, true],
    [{ agent: 'build' }, false],
    [{ host: 'api.stripe.example' }, true],
    [{ host: '*.stripe.example' }, true],
    [{ host: '*.api.stripe.example' }, false],
    [{ host: 'stripe.example' }, false],
    [{ method: 'POST' }, true],
    [{ method: 'GET' }, false],
    [{ status: 404 }, true],
    [{ status: 'ok' }, true],
    [{ statusClass: '4xx' }, true],
    [{ statusClass: 'error' }, false],
    [{ failed: true }, true],
    [{ blocked: true }, false],
    [{ redacted: true }, false],
    [{ credential: 'KEY_A' }, true],
    [{ credential: 'KEY_B' }, false],
    [{ types: ['http.call'] }, true],
    [{ types: ['http'] }, true],
    [{ types: ['htt'] }, false],
    [{ types: ['secret', 'http.*'] }, true],
    [{ phase: 'pre_exec' }, true],
    [{ identity: 'issued' }, false],
    [{ run: 'run_1' }, true],
  ];
  for (const [filter, expected] of cases) {
    it(`${expected ? 'takes' : 'leaves'} the call for ${JSON.stringify(filter)}`, () => {
      assert.equal(matches(call, filter), expected);
    });
  }

  it('takes a stopped call as blocked, failed and by its reason', () => {
    assert.ok(
      matches(stopped, {
        blocked: true,
        failed: true,
        decision: 'stop',
        reasonCode: 'domain_not_in_allowlist',
      }),
    );
    assert.ok(!matches(stopped, { statusClass: 'error' }));
  });

  it('does not call a watched stop blocked when the action went on', () => {
    const [first, last] = callDrafts(0, { decision: 'stop', status: 'ok' }) as unknown as [
      JsonObject,
      JsonObject,
    ];
    const watched = factsOf({
      first: { ...first, decision: { outcome: 'stop', enforced: false, layers: [] } },
      last,
    });
    assert.ok(!matches(watched, { blocked: true }));
    assert.equal(isFailed(watched), false);
  });

  it('needs nothing of a line that a matching entry need not contain, however odd the values', () => {
    const odd = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('"', '\\', '\u2028', 'ä', '\u0007'),
    );
    fc.assert(
      fc.property(odd, odd, odd, (agent, run, host) => {
        const entry = {
          type: 'http.call',
          phase: 'point',
          run_id: run,
          actor: { agent_id: agent },
          action: { name: 'x', target: { host, method: 'GET' } },
        };
        const filter: LogFilter = { agent, run, host, method: 'GET', types: ['http.call'], phase: 'point' };
        const line = Buffer.from(serializeEntry(entry));
        assert.ok(matches(factsOf({ first: entry }), filter) || host.startsWith('*.'));
        for (const needle of needlesOf(filter).both)
          assert.ok(line.includes(Buffer.from(needle)), Buffer.from(needle).toString());
      }),
    );
  });
});

describe('facts', () => {
  it('come out of any JSON object without an error', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(
            'actor',
            'action',
            'decision',
            'outcome',
            'metadata',
            'secret',
            'credentials',
            'type',
            'ts',
            '__proto__',
          ),
          fc.jsonValue(),
        ),
        (first) => {
          const found = factsOf({ first: first as JsonObject });
          assert.equal(typeof found.subject, 'string');
        },
      ),
    );
  });

  it('name an entry of a type that nobody here knows by what it carries', () => {
    assert.equal(factsOf({ first: { type: 'future.thing', reason: 'because' } }).subject, 'because');
    assert.equal(factsOf({ first: { type: 'future.thing' } }).subject, '');
  });

  it('name what a switch is for, whose answer it was, and which text of the policy came in force', () => {
    const subject = (first: JsonObject): string => factsOf({ first }).subject;
    const change = { type: 'killswitch.change', reason: 'why?' };
    assert.equal(subject({ ...change, metadata: { scope: 'agent:a', on: true } }), 'on agent:a');
    assert.equal(subject({ ...change, metadata: { scope: 'writes', on: false } }), 'off writes');
    const answer = { action: { name: 'refund.create' }, metadata: { approver: 'u_18' } };
    assert.equal(subject({ type: 'approval.grant', ...answer }), 'refund.create by u_18');
    const policy = (before: string, after: string): string =>
      subject({
        type: 'policy.change',
        metadata: { before: { version: before }, after: { version: after, hash: 'ab'.repeat(32) } },
      });
    assert.deepEqual([policy('1', '2'), policy('1', '1')], ['1 → 2', '1 abababababab']);
    const refused = { before: { version: '1' } };
    assert.equal(
      subject({
        type: 'policy.change',
        metadata: refused,
        outcome: { status: 'error', error: 'line 3: no' },
      }),
      'refused: line 3: no',
    );
    assert.equal(subject({ type: 'policy.change', metadata: refused, reason: 'try' }), 'try');
  });

  it('name the target without the port and scheme that go without saying', () => {
    const subject = (target: JsonObject): string => factsOf({ first: { action: { target } } }).subject;
    assert.equal(subject({ scheme: 'https', host: 'a.example', port: 443, path: '/x' }), 'a.example/x');
    assert.equal(subject({ scheme: 'https', host: 'a.example', port: 8443, path: '/x' }), 'a.example:8443/x');
    assert.equal(subject({ scheme: 'http', host: 'a.example', port: 80 }), 'http://a.example');
  });
});
