import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TallyError } from '../../../src/core/error.ts';
import { sha256Hex } from '../../../src/core/hash.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import type { CompiledPolicy } from '../../../src/core/policy/compiled.ts';
import { defaultPolicyText } from '../../../src/core/policy/default.ts';
import { compilePolicy, unreadablePolicy } from '../../../src/core/policy/load.ts';
import { NOT_YET } from '../../../src/core/policy/schema.ts';
import { policyFromSnapshot } from '../../../src/core/policy/snapshot.ts';

const compiled = (text: string): CompiledPolicy => compilePolicy(text, { id: 'local' }).compiled;

function refusal(text: string): TallyError {
  try {
    compilePolicy(text, { id: 'local' });
  } catch (error) {
    assert.ok(error instanceof TallyError);
    assert.equal(error.code, 'POLICY_INVALID');
    return error;
  }
  throw new assert.AssertionError({ message: `accepted: ${text.slice(0, 200)}` });
}

/** "line:column" of the first problem. */
const placeOf = (error: TallyError): string => `${error.details?.line}:${error.details?.column}`;

describe('a policy file', () => {
  it('compiles into plain data in one form', () => {
    const text = `
version: "2026-11-20.1"
mode: observe
identity: { declared: stop }
allowlist:
  - API.Stripe.com.
  - bücher.example:8443
  - 0x7f.1:9000
  - { host: localhost, port: 9000, http: true, internal: true }
  - { host: "localhost:9001", http: false }
credentials:
  STRIPE_KEY: { hosts: ["API.stripe.com:443"], agents: [a], styles: [bearer], methods: { get: allow, POST: stop }, requires: issued }
  constructor: {}
agents:
  billing-tool: { requires: issued }
`;
    assert.deepEqual(compiled(text), {
      format: 1,
      id: 'local',
      version: '2026-11-20.1',
      source_hash: sha256Hex(text),
      mode: 'observe',
      identity: { anonymous: 'allow', declared: 'stop' },
      allowlist: [
        { host: 'api.stripe.com' },
        { host: 'xn--bcher-kva.example', port: 8443 },
        { host: '127.0.0.1', port: 9000 },
        { host: 'localhost', port: 9000, http: true, internal: true },
        { host: 'localhost', port: 9001 },
      ],
      credentials: {
        STRIPE_KEY: {
          hosts: ['api.stripe.com:443'],
          agents: ['a'],
          styles: ['bearer'],
          methods: { GET: 'allow', POST: 'stop' },
          requires: 'issued',
        },
        constructor: {},
      },
      agents: { 'billing-tool': { requires: 'issued' } },
    });
  });

  it('says nothing more than its version, and is the strictest policy then', () => {
    const { allowlist, mode, identity } = compiled('version: "1"');
    assert.deepEqual(
      { allowlist, mode, identity },
      { allowlist: [], mode: 'enforce', identity: { anonymous: 'allow', declared: 'allow' } },
    );
    assert.deepEqual(compiled('version: "1"\nallowlist:\ncredentials:\nagents:\nidentity:\n').allowlist, []);
  });

  it('has a snapshot that compiles back to the same policy and names it by its hash', () => {
    const policy = compilePolicy('version: "1"\nallowlist: [b.example, a.example]', { id: 'local' });
    assert.equal(policy.hash, sha256Hex(policy.snapshot));
    assert.deepEqual(policyFromSnapshot(policy.snapshot), policy);
    const unreadable = unreadablePolicy('line 3: no');
    assert.deepEqual(policyFromSnapshot(unreadable.snapshot), unreadable);
  });

  it('refuses a snapshot that is altered, not canonical, or of a newer format', () => {
    const text = Buffer.from(compilePolicy('version: "1"', { id: 'local' }).snapshot).toString();
    const other = [
      `${text} `,
      text.replace('"format":1', '"format":2'),
      text.replace('{', '{"retention":"block",'),
      '{',
      '',
    ];
    for (const bytes of other)
      assert.throws(() => policyFromSnapshot(Buffer.from(bytes)), { code: 'POLICY_INVALID' }, bytes);
    assert.throws(() => policyFromSnapshot(new Uint8Array([0xff])), { code: 'POLICY_INVALID' });
  });

  it('of `tally init` compiles and allows nothing', () => {
    assert.deepEqual(compiled(defaultPolicyText()).allowlist, []);
    assert.equal(compiled(defaultPolicyText('2026-11-20.1')).version, '2026-11-20.1');
  });

  it('of `tally init` has examples that compile when their marks are taken away', () => {
    const text = defaultPolicyText();
    const above = text.slice(0, text.indexOf('allowlist: []'));
    const lines = [...above.matchAll(/^# {3}(- .*)$/gm)].map(([, line]) => `  ${line}`);
    assert.equal(compiled(`version: "1"\nallowlist:\n${lines.join('\n')}`).allowlist.length, 4);
    const sections = text.slice(text.indexOf('# Who may do what'));
    const bare = sections.replaceAll(
      /^# ((?:roles|users|tools|defaults|facts|rules|limits|budgets|approvals):| {2,}\S)/gm,
      '$1',
    );
    const { rules, users, limits, budgets, approvals } = compiled(`version: "1"\n${bare}`);
    assert.ok(rules?.length === 1 && users?.u_17 !== undefined && limits && budgets && approvals);
  });
});

/** What is refused: the text, where, and the words. */
const REFUSED: Readonly<Record<string, readonly [text: string, place: string, words: RegExp]>> = {
  'nothing at all': ['', '1:1', /mapping/],
  'a list': ['- a', '1:1', /mapping/],
  'no version': ['mode: enforce', '1:1', /version is missing/],
  'a version that is a number': ['version: 1.0', '1:10', /version has to be text/],
  'a wrong mode': ['version: "1"\nmode: off', '2:7', /mode has to be "enforce" or "observe"/],
  'an unknown key': ['version: "1"\nallowlst: []', '2:1', /unknown key "allowlst"/],
  'a wildcard for everything': ['version: "1"\nallowlist:\n  - "*"', '3:5', /whole labels/],
  'a wildcard for half of the Internet': ['version: "1"\nallowlist: ["*.com"]', '2:13', /too much/],
  'a wildcard in the middle': ['version: "1"\nallowlist: ["a.*.example"]', '2:13', /whole labels/],
  'a wildcard in a label': ['version: "1"\nallowlist: ["a*.example.com"]', '2:13', /whole labels/],
  'a wildcard before an address': ['version: "1"\nallowlist: ["*.127.0.0.1"]', '2:13', /an address/],
  'a scheme': ['version: "1"\nallowlist:\n  - https://example.com', '3:5', /scheme/],
  'a path': ['version: "1"\nallowlist: [example.com/v1]', '2:13', /path/],
  'a user': ['version: "1"\nallowlist: ["me@example.com"]', '2:13', /user name/],
  'two ports': ['version: "1"\nallowlist: [{host: "a:1", port: 2}]', '2:13', /two ports/],
  'a port as text': ['version: "1"\nallowlist: [{host: a, port: "443"}]', '2:29', /a number/],
  'a port out of range': ['version: "1"\nallowlist: [{host: a, port: 65536}]', '2:29', /port/],
  'http as text': ['version: "1"\nallowlist: [{host: a, http: yes}]', '2:29', /true or false/],
  'a line without a host': ['version: "1"\nallowlist: [{port: 1}]', '2:13', /host is missing/],
  'a line that is a number': ['version: "1"\nallowlist: [443]', '2:13', /a host or a mapping/],
  'the same host twice': ['version: "1"\nallowlist: [a.example, A.example.]', '2:24', /listed twice/],
  'a wrong style': ['version: "1"\ncredentials: { K: { styles: [cookie] } }', '2:30', /"bearer" or "basic"/],
  'a method twice': [
    'version: "1"\ncredentials: { K: { methods: { GET: allow, get: stop } } }',
    '2:49',
    /named twice/,
  ],
  'a duplicate key': ['version: "1"\nversion: "2"', '2:1', /stands here twice/],
  'a key that is a number': ['version: "1"\nagents: { 007: {} }', '2:11', /a key has to be text/],
  'a key that is a list': ['version: "1"\n? [a]\n: b', '2:3', /a key has to be text/],
  'the key __proto__': ['version: "1"\nagents: { __proto__: { requires: issued } }', '2:11', /__proto__/],
  'an anchor': ['version: &v "1"', '1:13', /anchors/],
  'an alias': ['version: "1"\nallowlist: &a []\nagents: *a', '2:15', /aliases/],
  'a merge key': ['version: "1"\nagents: { <<: { a: {} } }', '2:17', /unknown key "a"/],
  'a tag': ['version: !!binary "MQ=="', '1:19', /tags/],
  'a tag that looks harmless': ['version: !!str 1', '1:16', /tags/],
  'a tag nobody knows': ['version: !x "1"', '1:10', /tag/],
  'two documents': ['version: "1"\n---\nversion: "2"', '2:1', /one document/],
  'YAML 1.1': ['%YAML 1.1\n---\nversion: "1"', '1:1', /%YAML/],
  'half a surrogate pair': ['version: "\\ud800"', '1:10', /surrogate/],
  'a tab for indentation': ['version: "1"\nallowlist:\n\t- a', '3:1', /tab/i],
  'an unclosed bracket': ['version: "1"\nallowlist: [a', '2:14', /\]/],
  'deep nesting': [`version: "1"\nagents: ${'['.repeat(80)}${']'.repeat(80)}`, '2:73', /nested too deeply/],
  'a bottomless nesting': [`version: ${'['.repeat(50_000)}`, '', /./],
  'a file that is too large': [`version: "1"\n#${' '.repeat(LIMITS.policyYamlBytes)}`, '1:1', /bytes/],
  'a file that is too large in bytes only': [`#${'é'.repeat(LIMITS.policyYamlBytes / 2)}`, '1:1', /bytes/],
};

describe('a policy file is refused with its line and column when it has', () => {
  for (const [what, [text, place, words]] of Object.entries(REFUSED))
    it(what, () => {
      const error = refusal(text);
      assert.match(error.message, words);
      if (place !== '') assert.equal(placeOf(error), place);
    });

  for (const key of Object.keys(NOT_YET))
    it(`"${key}", which this version does not enforce`, () => {
      const error = refusal(`version: "1"
# c
${key}: {}`);
      assert.equal(placeOf(error), '3:1');
      assert.match(error.message, new RegExp(`"${key}" is not enforced by this version.*unsafe`));
    });
});

describe('the refusal of a policy file', () => {
  it('tells all problems in the order of the file, and points at the first', () => {
    const error = refusal('version: 1\nretention: {}\nallowlist: ["*", ok.example, "a b"]\nmodee: x');
    assert.deepEqual(
      error.message.split('\n').map((line) => line.slice(0, line.indexOf(':'))),
      ['line 1, column 10', 'line 2, column 1', 'line 4, column 1'],
    );
    assert.equal(placeOf(error), '1:10');
    assert.equal(error.details?.problems, 3);
    assert.match(error.message, /did you mean "mode"/);
  });

  it('counts what it does not tell', () => {
    const error = refusal(`version: "1"\nallowlist:\n${'  - "*"\n'.repeat(100)}`);
    assert.equal(error.details?.problems, 100);
    assert.match(error.message, /and 80 more$/);
  });

  it('guesses what a misspelt key was meant to be', () => {
    assert.match(refusal('version: "1"\nallowlst: []').hint ?? '', /did you mean "allowlist"/);
    assert.match(
      refusal('version: "1"\nagents: { a: { require: issued } }').hint ?? '',
      /did you mean "requires"/,
    );
    assert.match(refusal('version: "1"\nzzzzzz: 1').hint ?? '', /known here: version, mode/);
  });
});

describe('compiling any text', () => {
  it('ends in a policy or in POLICY_INVALID, and the same text gives the same hash', () => {
    const line = fc.constantFrom(
      'version: "1"', 'allowlist:', '  - a.example', '  - {host: b, port: 1}', 'mode: observe', 'agents: {x: {}}',
      '? ', '- ', '&a ', '*a', '!!x', '[', '}', '"', '---', '\t', '#', '|', '>-', ': ',
    ); // biome-ignore format: a word list
    const text = fc.oneof(
      fc.array(line, { maxLength: 12 }).map((lines) => lines.join('\n')),
      fc.string({ unit: 'binary', maxLength: 200 }),
    );
    fc.assert(
      fc.property(text, (source) => {
        try {
          const policy = compilePolicy(source, { id: 'local' });
          assert.equal(compilePolicy(source, { id: 'local' }).hash, policy.hash);
        } catch (error) {
          assert.ok(error instanceof TallyError, String(error));
          assert.equal(error.code, 'POLICY_INVALID');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  const least = (n: number, run: (n: number) => void): number => {
    const times = [0, 1, 2, 3, 4].map(() => {
      const start = performance.now();
      run(n);
      return performance.now() - start;
    });
    return Math.min(...times);
  };
  const linear: Readonly<Record<string, (n: number) => void>> = {
    'many keys in one mapping': (n) => {
      compiled(`version: "1"\nagents:\n${Array.from({ length: n }, (_, i) => `  a${i}: {}`).join('\n')}`);
    },
    'many wrong keys': (n) => {
      refusal(`version: "1"\nagents:\n${Array.from({ length: n }, (_, i) => `  a${i}: 1`).join('\n')}`);
    },
    'many unknown keys': (n) => {
      refusal(Array.from({ length: n }, (_, i) => `a${i}: 1`).join('\n'));
    },
  };
  for (const [what, run] of Object.entries(linear))
    it(`takes time in proportion to its size with ${what}`, () => {
      run(500);
      // Eight times the keys: comparing each with each would be sixty-four times the work.
      assert.ok(least(8_000, run) < 32 * least(1_000, run));
    });
});
