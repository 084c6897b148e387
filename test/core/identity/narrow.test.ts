import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  contractBeyond,
  meetContracts,
  meetScopes,
  scopesBeyond,
} from '../../../src/core/identity/narrow.ts';
import type { Contract } from '../../../src/core/policy/compiled.ts';
import { hostSet } from '../../../src/core/policy/host-set.ts';
import { covers } from '../../../src/core/policy/names.ts';

const TOOLS = ['crm.read', 'crm.write', 'crm.*', 'pay', 'pay.*', '*'];
const HOSTS = [
  'example.com',
  'api.example.com',
  'api.example.com:8443',
  '*.example.com',
  '*.eu.example.com',
  '*.example.com:8443',
  'a.eu.example.com',
  '[2001:db8::1]',
  '[2001:db8::1]:8443',
];
const list = (names: readonly string[]) => fc.option(fc.subarray([...names]), { nil: undefined });
const contract: fc.Arbitrary<Contract> = fc
  .record({ tools: list(TOOLS), hosts: list(HOSTS), allow: list(TOOLS), deny: list(TOOLS) })
  .map(({ tools, hosts, allow, deny }) => ({
    ...(tools === undefined ? {} : { tools }),
    ...(hosts === undefined ? {} : { hosts }),
    credentials: { ...(allow === undefined ? {} : { allow }), ...(deny === undefined ? {} : { deny }) },
  }));

const PLACES = [
  ['example.com', 443],
  ['api.example.com', 443],
  ['api.example.com', 8443],
  ['a.eu.example.com', 443],
  ['a.eu.example.com', 8443],
  ['b.eu.example.com', 8443],
  ['2001:db8::1', 443],
  ['2001:db8::1', 8443],
  ['other.test', 443],
] as const;
const NAMES = ['crm.read', 'crm.write', 'crm.x', 'pay', 'pay.out', 'other'];

/** As the capability layer of a decision reads a contract. */
function grants(c: Contract): ReadonlySet<string> {
  const allowed = new Set<string>();
  for (const name of NAMES) {
    if (c.tools === undefined || covers(c.tools, name)) allowed.add(`tool ${name}`);
    const { allow, deny } = c.credentials ?? {};
    if ((allow === undefined || covers(allow, name)) && (deny === undefined || !covers(deny, name)))
      allowed.add(`credential ${name}`);
  }
  for (const [host, port] of PLACES)
    if (c.hosts === undefined || hostSet(c.hosts).has(host, port)) allowed.add(`${host} ${port}`);
  return allowed;
}

describe('what two contracts leave', () => {
  it('is what both allow, and nothing else', () => {
    fc.assert(
      fc.property(contract, contract, (a, b) => {
        const both = meetContracts(a, b);
        assert.ok(both !== undefined);
        assert.deepEqual([...grants(both)].sort(), [...grants(a)].filter((one) => grants(b).has(one)).sort());
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the other one where nothing is said', () => {
    assert.equal(meetContracts(undefined, undefined), undefined);
    fc.assert(
      fc.property(contract, (a) => {
        assert.deepEqual(meetContracts(a, undefined), a);
        assert.deepEqual(meetContracts(undefined, a), a);
      }),
    );
  });

  it('of which one is not beyond the other is that one', () => {
    fc.assert(
      fc.property(contract, contract, (asked, held) => {
        if (contractBeyond(asked, held).length > 0) return;
        const both = meetContracts(asked, held);
        assert.ok(both !== undefined);
        const within = grants(asked);
        // A list that is not asked for, and what is denied, are the holder's.
        for (const one of grants(both)) assert.ok(within.has(one) && grants(held).has(one), one);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('scopes', () => {
  const scopes = fc.option(fc.subarray(['a', 'b', 'c', 'a.b', '*']), { nil: undefined });
  it('are compared whole, and only become fewer', () => {
    fc.assert(
      fc.property(scopes, scopes, (a, b) => {
        const both = meetScopes(a, b);
        for (const scope of both ?? [])
          assert.ok((a === undefined || a.includes(scope)) && (b === undefined || b.includes(scope)));
        if (a !== undefined && scopesBeyond(a, b).length === 0) assert.deepEqual(new Set(both), new Set(a));
      }),
    );
    assert.deepEqual(scopesBeyond(['a.b', '*'], ['a', 'a.*', '*']), ['a.b']);
  });
});
