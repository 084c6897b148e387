import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ENTRY_SHAPE } from '../../../src/core/canonical/entry.ts';
import { serializeEntry } from '../../../src/core/canonical.ts';
import { EntrySchema } from '../../../src/core/entry.ts';
import { LIMITS } from '../../../src/core/limits.ts';
import { CREDENTIAL_RULES } from '../../../src/core/redact/credentials.ts';
import { formsOf } from '../../../src/core/redact/encodings.ts';
import { createGate } from '../../../src/core/redact/gate.ts';
import { createSecretNames, SECRET_NAMES } from '../../../src/core/redact/keys.ts';
import { assignmentRule } from '../../../src/core/redact/names-in-text.ts';
import { PERSONAL_RULES } from '../../../src/core/redact/personal.ts';
import { applyRules, newCounts, type Rule } from '../../../src/core/redact/rules.ts';
import { createSecrets } from '../../../src/core/redact/secrets.ts';
import { createScratch, replaceExact } from '../../../src/core/redact/text.ts';
import { URL_RULES } from '../../../src/core/redact/urls.ts';
import { walk } from '../../../src/core/redact/walk.ts';
import { objectsOf } from '../entries.ts';
import { anySample, mixedText, SAMPLES, secretValue, surroundings } from './samples.ts';

const names = createSecretNames();
const rules: readonly Rule[] = [...CREDENTIAL_RULES, ...URL_RULES, assignmentRule(names), ...PERSONAL_RULES];
const gate = createGate(rules, names);
const scratch = createScratch();
const opens = (json: string, identities = 0): boolean => gate(scratch.encode(json), identities);
const changes = (text: string): boolean => applyRules(text, rules, newCounts()) !== text;

/** The walk without any gate inside, so that the gate is tested against something that does not use it. */
function walksInVain(entry: object, secrets = createSecrets()): boolean {
  const exact = secrets.plain();
  const counts = newCounts();
  const redactText = (text: string, sum: typeof counts, mode: string): string => {
    const replaced = replaceExact(text, exact, createScratch(), sum);
    if (mode === 'exact') return replaced;
    return applyRules(replaced, mode === 'all' ? rules : rules.filter(({ name }) => name !== 'email'), sum);
  };
  const result = walk(entry, ENTRY_SHAPE, { redactText, isSecretName: names.has }, counts);
  return serializeEntry(result as object) === serializeEntry(entry);
}

describe('the gate', () => {
  it('opens for every text that a rule would change', () => {
    fc.assert(
      fc.property(mixedText, (text) => {
        const wellFormed = text.toWellFormed();
        if (!opens(JSON.stringify(wellFormed))) assert.ok(!changes(wellFormed));
      }),
      { numRuns: 20_000 },
    );
  });

  it('opens for every sample behind every kind of escape', () => {
    const before = [
      '',
      '\n',
      '\t',
      '\b',
      '\f',
      '\r',
      '"',
      '\\',
      '\\n',
      '\u0000',
      '\u000b',
      '\u001f',
      ' ',
      ':',
      '\u00e9',
      '\u{1f600}',
      '-',
      '.',
    ];
    fc.assert(
      fc.property(anySample, fc.constantFrom(...before), fc.nat(40), (sample, lead, pad) => {
        const text = 'p '.repeat(pad) + lead + sample;
        assert.equal(opens(JSON.stringify(text)) || !changes(text), true, JSON.stringify(text));
      }),
      { numRuns: 5_000 },
    );
  });

  it('opens for every sample, so that the two tests above test something', () => {
    for (const samples of Object.values(SAMPLES)) {
      fc.assert(
        fc.property(samples, (sample) => opens(JSON.stringify(` ${sample} `)) && changes(` ${sample} `)),
      );
    }
  });

  it('opens for every entry that the walk would change, wherever in it the reason stands', () => {
    const name = fc.constantFrom(
      ...SECRET_NAMES,
      'tokens',
      'session_id',
      'a\npassword',
      'pass\\word',
      '\u00e9_token',
      '"token',
    );
    const place = fc.tuple(
      name,
      fc.oneof(mixedText, fc.nat(), fc.boolean(), fc.constant(null), fc.array(mixedText, { maxLength: 2 })),
    );
    const extra = fc
      .array(fc.oneof(place, fc.tuple(mixedText, mixedText)), { maxLength: 2 })
      .map((pairs) => Object.fromEntries(pairs));
    fc.assert(
      fc.property(
        objectsOf(EntrySchema),
        extra,
        extra,
        fc.array(secretValue, { maxLength: 2 }),
        mixedText,
        (entry, top, deep, values, text) => {
          const whole = { ...entry, metadata: { list: [deep, text], deep }, ...top, reason: text };
          let json: string;
          try {
            json = serializeEntry(whole);
          } catch {
            return;
          }
          const secrets = createSecrets();
          values.forEach((value, i) => {
            secrets.set(`S${i}`, value);
          });
          const utf8 = scratch.encode(json);
          const found =
            secrets.inJson().find(utf8.view, 0, utf8.length, utf8.length) !== undefined || gate(utf8, 0);
          if (!found) assert.ok(walksInVain(JSON.parse(json), secrets));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('finds every form of a value in the JSON text of a string that holds it', () => {
    fc.assert(
      fc.property(secretValue, fc.nat(), surroundings, surroundings, (value, pick, before, after) => {
        const secrets = createSecrets();
        if (!secrets.set('S', value)) return;
        const view = (text: string) => scratch.encode(text);
        const forms = formsOf(value.trim(), LIMITS.secretMinBytes);
        const text = (before + (forms[pick % forms.length] ?? '') + after).toWellFormed();
        const inText = view(text);
        assert.ok(secrets.plain().find(inText.view, 0, inText.length, inText.length));
        const inJson = view(JSON.stringify(text));
        assert.ok(secrets.inJson().find(inJson.view, 0, inJson.length, inJson.length));
      }),
      { numRuns: 5_000 },
    );
  });

  it('stays shut for a usual entry, or it would save nothing', () => {
    const entry = {
      v: 1,
      id: 'log_01JD2M8Q6Z5V3T9K7W4X1Y0ABD',
      index: 123_456,
      prev: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
      ts: '2026-11-20T10:11:12.123Z',
      type: 'http.call',
      phase: 'post_exec',
      tenant_id: 'local',
      run_id: 'run_01JD2M8Q6Z5V3T9K7W4X1Y0ABC',
      session_id: '5b0f3c1a-1234-4123-8123-123456789012',
      actor: {
        agent_id: 'billing-tool',
        agent_token_id: 'agt_01JD2M8Q6Z5V3T9K7W4X1Y0ABC',
        user: { id: 'u_17', email: 'ann@example.com' },
      },
      action: {
        name: 'refund.create',
        key: '0a1b2c3d4e5f60718293a4b5c6d7e8f9',
        args_hash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
        args_hash_alg: 'hmac-sha256:k1',
        target: { host: 'api.example.com', path: '/v1/tokens', method: 'POST' },
      },
      credentials: [{ ref: 'STRIPE_KEY', injection_style: 'bearer' }],
      outcome: { status: 'ok', duration_ms: 142.5123456, usage: { input_tokens: 1_200, output_tokens: 80 } },
      source: {
        surface: 'secrets',
        assurance: 'enforced',
        recorder_id: 'rec_1',
        recorder_version: '0.1.0',
        seq: 4_711,
      },
    };
    assert.ok(!opens(serializeEntry(entry), 1));
    assert.ok(opens(serializeEntry(entry), 0), 'the address is one too many when it is no identity field');
  });

  it('always opens when a rule has nothing to look for', () => {
    const blind: Rule = { name: 'x', anchors: [], expression: /[a-z]{3}/g };
    assert.ok(createGate([blind], names)(scratch.encode('"0"'), 0));
  });

  it('ends in bounded time on hostile text', { timeout: 60_000 }, () => {
    for (const piece of [
      'token',
      '"token"',
      '\\"token\\" ',
      'key: ',
      '\\',
      '4',
      '4 ',
      'A',
      'DE89',
      ' ',
      '@',
      '://',
      '+1',
      '"',
      'AKIA',
      'run_',
    ]) {
      const text = piece.repeat(1_000_000 / piece.length);
      const start = performance.now();
      opens(text, 1_000_000);
      const ms = performance.now() - start;
      assert.ok(ms < 2_000, `${Math.round(ms)} ms on ${piece}`);
    }
  });
});
