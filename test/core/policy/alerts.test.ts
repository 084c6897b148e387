import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_RULES } from '../../../src/core/alert/defaults.ts';
import { isTallyError } from '../../../src/core/error.ts';
import { compilePolicy } from '../../../src/core/policy/load.ts';
import { policyFromSnapshot } from '../../../src/core/policy/snapshot.ts';

const HEAD = 'version: "1"\nalerts:\n';
const compile = (text: string) => compilePolicy(HEAD + text, { id: 'local' });
const names = (text: string): readonly string[] | undefined =>
  compile(text).compiled.alerts?.rules.map(({ name }) => name);
const DEFAULTS = DEFAULT_RULES.map(({ name }) => name);

describe('`alerts` in the policy file', () => {
  it('is absent from the compiled policy when the file says nothing: older snapshots keep their hashes', () => {
    assert.equal('alerts' in compilePolicy('version: "1"', { id: 'local' }).compiled, false);
    assert.equal('alerts' in compilePolicy('version: "1"\nalerts:\n', { id: 'local' }).compiled, false);
  });

  it('adds rules to the built-in ones, replaces those of the same name, and switches them off', () => {
    assert.deepEqual(names('  rules: []'), DEFAULTS);
    assert.deepEqual(names('  rules: [{ name: fast, kind: rate, by: agent, count: 9 }]'), [
      ...DEFAULTS,
      'fast',
    ]);
    assert.deepEqual(
      names('  off: [disk, gap]'),
      DEFAULTS.filter((name) => name !== 'disk' && name !== 'gap'),
    );
    assert.deepEqual(names('  defaults: false'), []);
    const disk = compile('  rules: [{ name: disk, kind: disk_low, free: 5GiB }]').compiled.alerts?.rules;
    const found = disk?.filter(({ name }) => name === 'disk');
    assert.deepEqual(found, [
      { name: 'disk', kind: 'disk_low', severity: 'critical', quiet_ms: 1_800_000, free_bytes: 5 * 2 ** 30 },
    ]);
  });

  it('is part of the snapshot and of its hash, and replays from it', () => {
    const one = compile('  rules: [{ name: fast, kind: rate, by: agent, count: 9 }]');
    const other = compile('  rules: [{ name: fast, kind: rate, by: agent, count: 8 }]');
    assert.notEqual(one.hash, other.hash);
    assert.deepEqual(policyFromSnapshot(one.snapshot), one);
    const every = compile(`  rules:
    - { name: a, kind: rate, by: host, count: 9, window: 5m, quiet: 1h, severity: info, dedupe: [agent], destinations: [ops] }
    - { name: b, kind: sensitive, endpoints: ["a/*"], tools: [t], credentials: [c], methods: [POST] }
    - { name: c, kind: policy_failures }
    - { name: d, kind: anonymous }
    - { name: e, kind: first_seen, of: tool, learn: 2d }
    - { name: f, kind: missing_run_end }
    - { name: g, kind: missing_post, after: 5m }
    - { name: h, kind: sequence_gap }
    - { name: i, kind: sink_failed }
    - { name: j, kind: anchor_failed }
    - { name: k, kind: verification_failed, every: 6h }
    - { name: l, kind: disk_low }
    - { name: m, kind: baseline_drift, score: 0.7 }`);
    assert.deepEqual(policyFromSnapshot(every.snapshot), every);
  });
});

const REFUSED: Readonly<
  Record<string, readonly [text: string, place: string, words: RegExp, hint?: RegExp]>
> = {
  'a list': ['  - { kind: rate }', '3:3', /alerts has to be a mapping/],
  'an unknown key': ['  rulez: []', '3:3', /unknown key "rulez" in alerts/, /did you mean "rules"/],
  'a rule without a kind': ['  rules: [{ name: a }]', '3:11', /kind/],
  'a kind that there is not': [
    '  rules: [{ name: a, kind: rates }]',
    '3:28',
    /no kind of rule "rates"/,
    /did you mean "rate"/,
  ],
  'a misspelt key of a rule': [
    '  rules: [{ name: a, kind: anonymous, coun: 3 }]',
    '3:39',
    /unknown key "coun" in alerts.rules\[0\]/,
    /did you mean "count"/,
  ],
  'a key of another kind': [
    '  rules: [{ name: a, kind: disk_low, learn: 1d }]',
    '3:38',
    /unknown key "learn"/,
    /known here: name, severity, quiet, destinations, kind, free/,
  ],
  'a time that is none': [
    '  rules: [{ name: a, kind: anonymous, window: 10 minutes }]',
    '3:47',
    /window has to be a number and a unit/,
  ],
  'a size that is none': [
    '  rules: [{ name: a, kind: disk_low, free: lots }]',
    '3:44',
    /free has to be a number and a unit/,
  ],
  'a count of none': ['  rules: [{ name: a, kind: rate, by: host, count: 0 }]', '3:51', /count/],
  'a rate without a count': ['  rules: [{ name: a, kind: rate, by: host }]', '3:11', /count is missing/],
  'a severity that there is not': [
    '  rules: [{ name: a, kind: anonymous, severity: high }]',
    '3:49',
    /"info" or "warning" or "critical"/,
  ],
  'a name twice': [
    '  rules: [{ name: a, kind: anonymous }, { name: a, kind: sequence_gap }]',
    '3:49',
    /a second rule called a/,
  ],
  'a built-in rule that there is not': [
    '  off: [disks]',
    '3:9',
    /no built-in rule "disks"/,
    /did you mean "disk"/,
  ],
  'a sensitive rule that names nothing': ['  rules: [{ name: a, kind: sensitive }]', '3:11', /names nothing/],
  'an endpoint with a scheme, which would match nothing': [
    '  rules: [{ name: a, kind: sensitive, endpoints: ["https://x.example/*"] }]',
    '3:51',
    /an endpoint is HOST\/PATH, without https:\/\//,
    /api\.stripe\.com/,
  ],
  'a URL as a destination': [
    '  rules: [{ name: a, kind: anonymous, destinations: ["https://x.example/T0/secret"] }]',
    '3:54',
    /destinations\[0\]/,
  ],
};

describe('`alerts` is refused with line and column when it has', () => {
  for (const [what, [text, place, words, hint]] of Object.entries(REFUSED))
    it(what, () => {
      assert.throws(
        () => compile(text),
        (error: unknown) => {
          assert.ok(isTallyError(error));
          assert.equal(error.code, 'POLICY_INVALID');
          assert.match(error.message, words);
          assert.equal(`${error.details?.line}:${error.details?.column}`, place);
          if (hint !== undefined) assert.match(error.hint ?? '', hint);
          return true;
        },
      );
    });
});
