import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatHostPort, normalizeHost, parseHostPort } from '../../../src/core/policy/hosts.ts';

const FORMS: Readonly<Record<string, string>> = {
  'api.stripe.com': 'api.stripe.com',
  'API.Stripe.COM': 'api.stripe.com',
  'api.stripe.com.': 'api.stripe.com',
  'bücher.example': 'xn--bcher-kva.example',
  'BÜCHER.example': 'xn--bcher-kva.example',
  'xn--bcher-kva.example': 'xn--bcher-kva.example',
  'ｅｘａｍｐｌｅ.com': 'example.com',
  localhost: 'localhost',
  _dmarc: '_dmarc',
  '3scale.example': '3scale.example',
  '127.0.0.1': '127.0.0.1',
  '127.1': '127.0.0.1',
  '2130706433': '127.0.0.1',
  '0x7f000001': '127.0.0.1',
  '0177.0.0.1': '127.0.0.1',
  '127.0.0.1.': '127.0.0.1',
  '[::1]': '::1',
  '::1': '::1',
  '0:0:0:0:0:0:0:1': '::1',
  '[2001:0DB8::0001]': '2001:db8::1',
  '::ffff:127.0.0.1': '127.0.0.1',
  '[::ffff:7f00:1]': '127.0.0.1',
};

const REFUSED: Readonly<Record<string, RegExp>> = {
  '': /empty/,
  '*': /wildcards/,
  '*.example.com': /wildcards/,
  'https://api.example.com': /scheme/,
  'user@example.com': /user name/,
  'example.com/path': /path/,
  'example.com?x': /path/,
  'example.com\\x': /path/,
  'exa mple.com': /spaces/,
  'exam\u00adple.com': /invisible/,
  'exam\tple.com': /spaces/,
  'exam\u200bple.com': /invisible/,
  'a..b': /not a host/,
  '.a': /not a host/,
  '-rf': /not a host/,
  'a.-b': /not a host/,
  '$(id).example': /not a host/,
  '`id`.example': /not a host/,
  "it's.example": /not a host/,
  'a%2eb': /not a host/,
  '1.2.3.4.5': /not a host/,
  '256.256.256.256': /not a host/,
  '[::1': /not a host/,
  'fe80::1%eth0': /not a host/,
  [`${'a'.repeat(64)}.com`]: /not a host/,
  [`${'a.'.repeat(200)}com`]: /not a host/,
  ['a'.repeat(5_000)]: /too long/,
};

describe('hosts', () => {
  for (const [text, host] of Object.entries(FORMS))
    it(`reads ${text} as ${host}`, () => assert.deepEqual(normalizeHost(text), { host }));

  for (const [text, why] of Object.entries(REFUSED))
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      const result = normalizeHost(text);
      assert.ok('problem' in result);
      assert.match(result.problem, why);
    });

  it('reads ports, and brackets around IPv6', () => {
    assert.deepEqual(parseHostPort('Example.com:8443'), { host: 'example.com', port: 8443 });
    assert.deepEqual(parseHostPort('[::1]:80'), { host: '::1', port: 80 });
    assert.deepEqual(parseHostPort('::1'), { host: '::1' });
    for (const bad of ['a:', 'a:0', 'a:65536', 'a:+1', 'a:1e3', 'a: 80', '[::1]80', 'a:80:90', ':80'])
      assert.ok('problem' in parseHostPort(bad), bad);
  });

  it('gives one form: reading a result again changes nothing', () => {
    const any = fc.oneof(
      fc.domain(),
      fc.webAuthority(),
      fc.ipV4Extended(),
      fc.ipV6(),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(any, (text) => {
        const first = normalizeHost(text);
        if ('problem' in first) return;
        assert.match(first.host, /^[a-z0-9_:][a-z0-9_.:-]*$/);
        assert.deepEqual(normalizeHost(first.host), first);
        assert.deepEqual(parseHostPort(formatHostPort(first.host, 1)), { ...first, port: 1 });
      }),
      { numRuns: 2_000 },
    );
  });

  it('agrees with the URL parser that the broker uses', () => {
    fc.assert(
      fc.property(fc.oneof(fc.domain(), fc.ipV4()), (text) => {
        assert.deepEqual(normalizeHost(text), { host: new URL(`https://${text}/`).hostname });
      }),
    );
  });
});
