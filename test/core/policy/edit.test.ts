import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isTallyError } from '../../../src/core/error.ts';
import { defaultPolicyText } from '../../../src/core/policy/default.ts';
import { allowHost } from '../../../src/core/policy/edit.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';

const TODAY = '2026-11-20';
const allowed = (text: string): unknown => compilePolicy(text, { id: 'x' }).compiled.allowlist;

/** The text before, the host, and the text after. */
const EDITS: Readonly<
  Record<string, readonly [before: string, grant: Parameters<typeof allowHost>[1], after: string]>
> = {
  'adds a list where there is none': [
    'version: "1"',
    { host: 'a.example' },
    'version: "2026-11-20.1"\nallowlist:\n  - a.example\n',
  ],
  'turns an empty list into lines and keeps its comment': [
    'version: v1 # v\nallowlist: []   # none yet\nmode: enforce\n',
    { host: 'a.example' },
    'version: "2026-11-20.1" # v\nallowlist:   # none yet\n  - a.example\nmode: enforce\n',
  ],
  'keeps a comment inside an empty list': [
    'version: "1"\nallowlist: [ # none\n]\n',
    { host: 'a.example' },
    'version: "2026-11-20.1"\nallowlist: [ a.example, # none\n]\n',
  ],
  'fills a key without a value': [
    'version: "1"\nallowlist: # soon\nmode: enforce\n',
    { host: 'a.example' },
    'version: "2026-11-20.1"\nallowlist: # soon\n  - a.example\nmode: enforce\n',
  ],
  'names who signs for it': [
    'version: "1"\nallowlist:\n  - a.example # ours\n',
    { host: 'a.example', ca: '/etc/corp.pem' },
    'version: "2026-11-20.1"\nallowlist:\n  - { host: a.example, ca: "/etc/corp.pem" } # ours\n',
  ],
  'replaces the file of who signs for it': [
    'version: "1"\nallowlist:\n  - host: a.example\n    ca: old.pem\n',
    { host: 'a.example', ca: '/new.pem' },
    'version: "2026-11-20.1"\nallowlist:\n  - host: a.example\n    ca: "/new.pem"\n',
  ],
  'replaces a null': [
    'version: "1"\nallowlist: null\n',
    { host: 'a.example' },
    'version: "2026-11-20.1"\nallowlist:\n  - a.example\n',
  ],
  'adds a line below the last one, in its column, and leaves aligned comments alone': [
    'version: "1"\nallowlist:\n- a.example      # one\n# two\n- b.example      # three\n\n# end\nmode: enforce   # m\n',
    { host: 'c.example', port: 8443 },
    'version: "2026-11-20.1"\nallowlist:\n- a.example      # one\n# two\n- b.example      # three\n- c.example:8443\n\n# end\nmode: enforce   # m\n',
  ],
  'adds to a list in brackets': [
    "version: '1'\nallowlist: [a.example, {host: b.example}]\n",
    { host: '::1', port: 80, http: true, internal: true },
    'version: "2026-11-20.1"\nallowlist: [a.example, {host: b.example}, { host: "::1", port: 80, http: true, internal: true }]\n',
  ],
  'raises the flags of a plain line': [
    'version: "1"\nallowlist:\n  - localhost:9000 # dev\n  - b.example\n',
    { host: 'localhost', port: 9000, internal: true },
    'version: "2026-11-20.1"\nallowlist:\n  - { host: localhost, port: 9000, internal: true } # dev\n  - b.example\n',
  ],
  'raises the flags of a mapping in braces': [
    'version: "1"\nallowlist:\n  - { host: a.example, http: false }\n',
    { host: 'a.example', http: true, internal: true },
    'version: "2026-11-20.1"\nallowlist:\n  - { host: a.example, http: true, internal: true }\n',
  ],
  'raises the flags of a mapping over several lines': [
    'version: "1"\nallowlist:\n  - host: a.example # h\n    http: true\n  - b.example\n',
    { host: 'A.example', internal: true },
    'version: "2026-11-20.1"\nallowlist:\n  - host: a.example # h\n    http: true\n    internal: true\n  - b.example\n',
  ],
  'keeps the line ends of the file': [
    'version: "1"\r\nallowlist:\r\n  - a.example\r\n',
    { host: 'b.example' },
    'version: "2026-11-20.1"\r\nallowlist:\r\n  - a.example\r\n  - b.example\r\n',
  ],
  'counts the version up on the same day': [
    'version: "2026-11-20.9"\nallowlist: [a.example]\n',
    { host: 'b.example' },
    'version: "2026-11-20.10"\nallowlist: [a.example, b.example]\n',
  ],
  'never counts the version down when the clock went back': [
    'version: "2027-01-02.3"\nallowlist: [a.example]\n',
    { host: 'b.example' },
    'version: "2027-01-02.4"\nallowlist: [a.example, b.example]\n',
  ],
};

describe('allowing a host', () => {
  for (const [what, [before, grant, after]] of Object.entries(EDITS))
    it(what, () => {
      const { text, changed } = allowHost(before, grant, TODAY);
      assert.equal(text, after);
      assert.ok(changed);
      assert.deepEqual(allowHost(text, grant, TODAY), {
        text,
        changed: false,
        version: compilePolicy(text, { id: 'x' }).compiled.version,
      });
    });

  it('changes nothing when a line allows as much or more', () => {
    const text = 'version: "1"\nallowlist: [{host: a.example, http: true, internal: true}]';
    assert.equal(allowHost(text, { host: 'A.example.', http: true }, TODAY).text, text);
    assert.equal(allowHost(text, { host: 'a.example', http: false }, TODAY).changed, false);
  });

  it('refuses what is no host, no port, or a file that is broken already', () => {
    const text = 'version: "1"';
    assert.throws(() => allowHost(text, { host: '*.example' }, TODAY), { code: 'USAGE' });
    assert.throws(() => allowHost(text, { host: 'https://a.example' }, TODAY), { code: 'USAGE' });
    assert.throws(() => allowHost(text, { host: 'a.example', port: 0 }, TODAY), { code: 'USAGE' });
    assert.throws(() => allowHost('version: 1', { host: 'a.example' }, TODAY), { code: 'POLICY_INVALID' });
  });

  it('refuses a layout that it cannot edit, with the line to add by hand', () => {
    for (const text of ['{version: "1"}', 'version: "1"\n...\n'])
      assert.throws(
        () => allowHost(text, { host: 'a.example' }, TODAY),
        (error) =>
          isTallyError(error) && error.code === 'POLICY_INVALID' && /- a\.example$/.test(error.hint ?? ''),
      );
  });

  it('gives a file that compiles and allows each host once, whatever the order of the grants', () => {
    const grant = fc.record(
      {
        host: fc.constantFrom(
          'a.example',
          'b.example',
          'localhost',
          '127.0.0.1',
          '::1',
          'on',
          '3scale.example',
        ),
        port: fc.constantFrom(80, 443, 8080),
        http: fc.boolean(),
        internal: fc.boolean(),
        ca: fc.constantFrom('/etc/corp.pem', '/a b/"q": #.pem'),
      },
      { requiredKeys: ['host'] },
    );
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 12 }), (grants) => {
        const text = grants.reduce((t, g) => allowHost(t, g, TODAY).text, defaultPolicyText());
        const wanted = new Map<string, object>();
        for (const { host, port, http, internal, ca } of grants) {
          const had = (wanted.get(`${host} ${port}`) ?? {}) as { http?: true; internal?: true; ca?: string };
          wanted.set(`${host} ${port}`, {
            host,
            ...(port === undefined ? {} : { port }),
            ...(http === true || had.http ? { http: true } : {}),
            ...(internal === true || had.internal ? { internal: true } : {}),
            ...(ca !== undefined || had.ca !== undefined ? { ca: ca ?? had.ca } : {}),
          });
        }
        assert.deepEqual(allowed(text), [...wanted.values()]);
        const comments = (t: string): string[] => t.split('\n').filter((l) => l.startsWith('#'));
        assert.deepEqual(comments(text), comments(defaultPolicyText()));
      }),
      { numRuns: 150 },
    );
  });
});

describe('hosts that a file narrows, or that stand for many', () => {
  const edit = (text: string, host: string): string => allowHost(text, { host }, TODAY).text;

  it('adds a wildcard in quotes', () => {
    assert.match(
      edit('version: "1"\nallowlist:\n  - a.example\n', '*.b.example'),
      /^ {2}- "\*\.b\.example"$/m,
    );
    assert.throws(() => edit('version: "1"', '*.com'), { code: 'USAGE' });
  });

  it('does not widen a line that says which calls are meant', () => {
    const text = 'version: "1"\nallowlist: [{ host: a.example, methods: [GET] }]';
    assert.throws(() => edit(text, 'a.example'), { code: 'POLICY_INVALID', hint: /by hand/ });
    assert.match(edit(text, 'b.example'), /methods: \[GET\] \}, b\.example\]/);
  });

  it('leaves JSON what it is', () => {
    for (const list of ['[]', '["a.example"]', '[{"host":"a.example","port":1}]']) {
      const edited = allowHost(
        `{"version":"1","allowlist":${list}}`,
        { host: 'b.example', http: true },
        TODAY,
      ).text;
      assert.deepEqual(
        (JSON.parse(edited) as { allowlist: unknown[] }).allowlist.length,
        list === '[]' ? 1 : 2,
      );
    }
  });
});
