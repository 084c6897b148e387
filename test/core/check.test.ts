import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { hasShortcut, quickCheck } from '../../src/core/check.ts';
import { EventSchema } from '../../src/core/entry.ts';

const NAMES = [
  'type',
  'phase',
  'id',
  'run_id',
  'actor',
  'action',
  'outcome',
  'metadata',
  'quality',
  'credentials',
  'name',
  'target',
  'port',
  'status',
  'status_code',
  'duration_ms',
  'agent_id',
  'user',
  'email',
  'layers',
  'layer',
  'result',
  'rules',
  'count',
  'redaction',
  'delegation_chain',
  'args',
  'reason',
  'x',
  '__proto__',
  'constructor',
  'usage',
  'bytes_in',
  'decision',
  'ref',
];
const leaf = fc.oneof(
  fc.constantFrom<unknown>(
    'tool.call',
    'point',
    'pre_exec',
    'ok',
    'pass',
    'declared',
    'log_01JD0000000000000000000000',
    '',
    'verified',
    'bearer',
    0,
    1,
    -1,
    1.5,
    65_536,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    true,
    null,
    undefined,
    new Date(0),
    'x'.repeat(300),
  ),
  fc.string(),
  fc.double(),
);
const tree = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.constantFrom(...NAMES), tie('value')), { maxLength: 6 })
      .map((pairs) => Object.fromEntries(pairs)),
  ),
})).value;

/** An event that is right, with one place of it replaced. */
const spoiled = fc
  .tuple(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES), tree, fc.boolean())
  .map(([outer, inner, value, deep]) => {
    const event: Record<string, unknown> = {
      type: 'tool.call',
      phase: 'point',
      actor: { agent_id: 'a', user: { email: 'a@example.com' }, delegation_chain: ['b'] },
      action: { name: 'n', target: { host: 'h', port: 443 }, args: { a: 1 } },
      outcome: { status: 'ok', redaction: { count: 1, rules: { card: 1 } }, usage: { input_tokens: 3 } },
      quality: { 'actor.os': 'inferred' },
      metadata: { a: [1] },
    };
    const part = event[outer];
    if (deep && typeof part === 'object' && part !== null) event[outer] = { ...part, [inner]: value };
    else event[outer] = value;
    return event;
  });

describe('the quick look', () => {
  const quick = quickCheck(EventSchema);

  it('understands every part of an event', () => {
    assert.ok(hasShortcut(EventSchema));
  });

  it('takes nothing that the schema refuses or changes', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(tree, spoiled), (value) => {
        if (!quick(value)) return;
        taken++;
        const parsed = EventSchema.safeParse(value);
        assert.ok(parsed.success, parsed.error?.message);
        assert.deepEqual(parsed.data, value);
      }),
      { numRuns: 5_000 },
    );
    assert.ok(taken > 100, `only ${taken} of the values were events`);
  });

  it('takes ordinary events, so that the shortcut is one', () => {
    const event = {
      type: 'tool.call',
      phase: 'point',
      action: { name: 'n', args: { a: 1 } },
      future: { b: 2 },
    };
    assert.ok(quick(event));
  });

  it('leaves what it does not understand to the schema', () => {
    const unusual = [
      z.looseObject({ a: z.string().transform((text) => text.length) }),
      z.looseObject({ a: z.string().default('x') }),
      z.looseObject({ a: z.email() }),
      z.looseObject({ a: z.string().regex(/a/g) }),
      z.looseObject({ a: z.number().gt(3) }),
      z.looseObject({ a: z.number().multipleOf(2) }),
      z.looseObject({}).refine(() => false),
      z.object({ a: z.string() }),
      z.strictObject({ a: z.string() }),
      z.array(z.string()).min(1),
      z.record(z.string().regex(/a/), z.unknown()),
      z.union([z.string(), z.number()]),
    ];
    for (const schema of unusual) {
      assert.ok(!hasShortcut(schema));
      for (const value of [{ a: 'x' }, { a: 4 }, {}, ['a'], 'a', { b: 1 }])
        assert.ok(!quickCheck(schema)(value));
    }
  });
});
