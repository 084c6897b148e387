import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decide } from '../../../src/core/policy/decide.ts';
import type { DecisionInputs } from '../../../src/core/policy/types.ts';
import { ask, inputsOf, POLICY, policyOf, requestTo, said } from './fixtures.ts';

describe('the allowlist layer', () => {
  const cases: Readonly<
    Record<string, readonly [url: string, addresses: readonly string[], answer: string]>
  > = {
    'allows a listed host': ['https://api.example/', ['93.184.215.14'], 'allow'],
    'allows it with the default port written out': ['https://api.example:443/', ['93.184.215.14'], 'allow'],
    'allows a listed port': ['https://api.example:8443/', ['93.184.215.14'], 'allow'],
    'stops another port': [
      'https://api.example:8444/',
      ['93.184.215.14'],
      'stop allowlist domain_not_in_allowlist',
    ],
    'stops a host that is not listed': [
      'https://evil.example/',
      [],
      'stop allowlist domain_not_in_allowlist',
    ],
    'stops a subdomain': ['https://a.api.example/', [], 'stop allowlist domain_not_in_allowlist'],
    'stops a longer name': [
      'https://api.example.evil.example/',
      [],
      'stop allowlist domain_not_in_allowlist',
    ],
    'stops http': ['http://api.example/', ['93.184.215.14'], 'stop allowlist non_https_blocked'],
    'stops http on the https port': ['http://api.example:443/', [], 'stop allowlist domain_not_in_allowlist'],
    'allows http where it is marked': ['http://plain.example/', ['93.184.215.14'], 'allow'],
    'still allows https there': ['https://plain.example/', ['93.184.215.14'], 'allow'],
    'takes the list as a union of its lines': ['http://both.example/', ['93.184.215.14'], 'allow'],
    'takes the line that permits most': ['https://twice.example/', ['10.0.0.1'], 'allow'],
    'stops a scheme that is neither': ['ftp://api.example/', [], 'stop allowlist non_https_blocked'],
    'stops a name that resolves inside': [
      'https://api.example/',
      ['127.0.0.1'],
      'stop allowlist ssrf_protection_blocked',
    ],
    'stops when one of many addresses is inside': [
      'https://api.example/',
      ['93.184.215.14', '::ffff:10.0.0.1'],
      'stop allowlist ssrf_protection_blocked',
    ],
    'stops a name with no address': ['https://api.example/', [], 'stop allowlist ssrf_protection_blocked'],
    'stops an address that is none': [
      'https://api.example/',
      ['nonsense'],
      'stop allowlist ssrf_protection_blocked',
    ],
    'allows inside where it is marked': ['http://localhost:9000/', ['127.0.0.1', '::1'], 'allow'],
    'stops metadata even there': [
      'http://localhost:9000/',
      ['169.254.169.254'],
      'stop allowlist ssrf_protection_blocked',
    ],
    'checks a literal at once': ['https://10.0.0.9/', ['10.0.0.9'], 'stop allowlist ssrf_protection_blocked'],
    'matches an odd notation': [
      'https://0x0a000009/',
      ['10.0.0.9'],
      'stop allowlist ssrf_protection_blocked',
    ],
    'matches IPv6 in brackets': ['https://[0:0::1]:9000/', ['::1'], 'allow'],
    'stops a listed metadata name': [
      'http://metadata.google.internal/',
      ['93.184.215.14'],
      'stop allowlist ssrf_protection_blocked',
    ],
    'stops a listed metadata address': [
      'http://169.254.169.254/',
      [],
      'stop allowlist ssrf_protection_blocked',
    ],
    'stops it in hexadecimal': ['http://0xa9fea9fe/', [], 'stop allowlist ssrf_protection_blocked'],
    'stops it as a mapped address': [
      'http://[::ffff:a9fe:a9fe]/',
      [],
      'stop allowlist ssrf_protection_blocked',
    ],
  };
  for (const [what, [url, addresses, answer]] of Object.entries(cases))
    it(what, () => assert.equal(said(ask(requestTo(url), { addresses })), answer));

  it('checks a literal before any name is resolved', () => {
    assert.equal(said(ask(requestTo('https://10.0.0.9/'))), 'stop allowlist ssrf_protection_blocked');
    assert.equal(said(ask(requestTo('https://api.example/'))), 'allow');
  });

  it('stops everything when the list is empty', () => {
    const decision = decide(requestTo('https://api.example/'), policyOf('allowlist: []'), inputsOf());
    assert.equal(said(decision), 'stop allowlist empty_allowlist');
    assert.match(decision.message ?? '', /tally policy allow api\.example$/);
  });

  it('names the host and the command that mends it', () => {
    const messages: Readonly<Record<string, RegExp>> = {
      'https://evil.example/':
        /^evil\.example is not in the allowlist; .*: tally policy allow evil\.example$/,
      'https://evil.example:8/': /tally policy allow evil\.example:8$/,
      'http://evil.example/': /tally policy allow evil\.example --http$/,
      'http://127.0.0.1:9/': /tally policy allow 127\.0\.0\.1:9 --http --internal$/,
      'http://[::1]:9/': /tally policy allow \[::1\]:9 --http --internal$/,
      'https://api.example:8444/': /not with port 8444; .*: tally policy allow api\.example:8444$/,
      'http://api.example/': /https only; .*: tally policy allow api\.example --http$/,
      'https://10.0.0.9/': /a private address; .*: tally policy allow 10\.0\.0\.9 --internal$/,
      'http://169.254.169.254/': /nothing in the policy can allow it$/,
      'http://x.localhost:9/': /tally policy allow x\.localhost:9 --http --internal$/,
    };
    for (const [url, message] of Object.entries(messages))
      assert.match(ask(requestTo(url)).message ?? '', message);
  });

  it('offers no command for an address that nothing opens, on a line that opens all others', () => {
    const { message } = ask(requestTo('http://localhost:9000/'), { addresses: ['169.254.169.254'] });
    assert.match(message ?? '', /nothing in the policy can allow it$/);
  });

  it('names no host where the call names none', () => {
    const call = { tenant_id: 'local', action: { name: 'http.call' }, credentials: [] };
    const { message } = decide(call, policyOf('allowlist: []'), inputsOf());
    assert.equal(message, 'the allowlist is empty, so every call is stopped');
  });

  it('never puts text of the caller into a command', () => {
    const host = '$(id).example';
    const request = {
      ...requestTo('https://x/'),
      action: { name: 'http.call', target: { scheme: 'https', host } },
    };
    const decision = ask(request);
    assert.equal(said(decision), 'stop allowlist domain_not_in_allowlist');
    assert.doesNotMatch(decision.message ?? '', /tally policy/);
  });
});

describe('the identity layer', () => {
  const from = (identity: DecisionInputs['identity'], policy = POLICY): string =>
    said(decide(requestTo('https://api.example/'), policy, inputsOf({ identity })));

  it('lets the policy say who may come without a token', () => {
    const strict = policyOf('identity: { anonymous: stop, declared: stop }\nallowlist: [api.example]');
    assert.equal(from({ level: 'anonymous' }), 'allow');
    assert.equal(from({ level: 'declared', agent_id: 'x' }), 'allow');
    assert.equal(from({ level: 'anonymous' }, strict), 'stop identity identity_missing');
    assert.equal(from({ level: 'declared', agent_id: 'x' }, strict), 'stop identity identity_not_issued');
    assert.equal(from({ level: 'issued', agent_id: 'x' }, strict), 'allow');
  });

  it('stops every bad token, whatever the policy lets others do', () => {
    for (const failure of [
      'token_invalid',
      'token_expired',
      'token_revoked',
      'agent_workspace_mismatch',
    ] as const)
      assert.equal(from({ level: 'declared', agent_id: 'x', failure }), `stop identity ${failure}`);
  });

  it('stops who merely claims the name of an agent that has to prove it', () => {
    assert.equal(from({ level: 'declared', agent_id: 'billing' }), 'stop identity identity_not_issued');
    assert.equal(from({ level: 'issued', agent_id: 'billing' }), 'allow');
    assert.equal(from({ level: 'declared', agent_id: 'other' }), 'allow');
  });
});

describe('the credential layer', () => {
  const use = (
    ref: string,
    rest: {
      url?: string;
      style?: 'bearer' | 'query';
      method?: string;
      identity?: DecisionInputs['identity'];
    } = {},
  ): string =>
    said(
      ask(
        requestTo(rest.url ?? 'https://api.example/', {
          credentials: [[ref, rest.style ?? 'bearer']],
          ...(rest.method === undefined ? {} : { method: rest.method }),
        }),
        rest.identity === undefined ? {} : { identity: rest.identity },
      ),
    );

  it('lets a credential that the policy does not mention go to every listed host', () => {
    for (const ref of ['FREE', 'constructor', '__proto__', 'toString']) assert.equal(use(ref), 'allow');
  });

  it('keeps a credential to its hosts', () => {
    assert.equal(use('BOUND'), 'allow');
    assert.equal(use('BOUND', { url: 'https://api.example:8443/' }), 'allow');
    assert.equal(use('BOUND', { url: 'http://localhost:9000/' }), 'allow');
    assert.equal(use('BOUND', { url: 'https://plain.example/' }), 'stop credential credential_not_allowed');
  });

  it('keeps a credential to its agents', () => {
    assert.equal(use('MINE'), 'stop credential credential_not_allowed');
    assert.equal(
      use('MINE', { identity: { level: 'issued', agent_id: 'other' } }),
      'stop credential credential_not_allowed',
    );
    assert.equal(use('MINE', { identity: { level: 'issued', agent_id: 'billing' } }), 'allow');
  });

  it('keeps a credential to its styles, methods and checked callers', () => {
    assert.equal(use('STYLED'), 'allow');
    assert.equal(use('STYLED', { style: 'query' }), 'stop credential credential_not_allowed');
    assert.equal(use('READ', { method: 'get' }), 'allow');
    assert.equal(use('READ', { method: 'DELETE' }), 'stop credential method_not_allowed');
    assert.equal(use('READ', { method: 'POST' }), 'stop credential method_not_allowed');
    assert.equal(use('ISSUED'), 'stop credential identity_not_issued');
    assert.equal(use('ISSUED', { identity: { level: 'issued' } }), 'allow');
  });

  it('stops when one of several credentials may not go', () => {
    const request = requestTo('https://plain.example/', {
      credentials: [
        ['FREE', 'bearer'],
        ['BOUND', 'query'],
      ],
    });
    assert.equal(said(ask(request)), 'stop credential credential_not_allowed');
  });

  it('lets a credential into a program’s environment only where the policy names that', () => {
    const into = (name: string, ...refs: string[]): string =>
      said(
        ask({
          tenant_id: 'local',
          action: { name },
          credentials: refs.map((ref) => ({ ref, injection_style: 'env_inject' })),
        }),
      );
    for (const name of ['secret.run', 'http.call']) {
      assert.equal(into(name, 'STYLED'), 'allow');
      assert.equal(into(name, 'FREE'), 'stop credential credential_not_allowed');
      assert.equal(into(name, 'STYLED', 'BOUND'), 'stop credential credential_not_allowed');
    }
    // What goes to no host is none of the allowlist's, and a call that leaves its host out is no such thing.
    assert.equal(into('secret.run'), 'allow');
    assert.equal(into('http.call'), 'stop allowlist domain_not_in_allowlist');
  });
});
