import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { accessed, type Door, type Wanted } from '../../../src/capture/secrets/access.ts';
import { statedReason, strictest } from '../../../src/capture/secrets/reason.ts';
import { TallyError } from '../../../src/core/error.ts';
import type { Ask, Client } from '../../../src/recorder/ops.ts';
import { entriesOf, machine } from '../../support/recorder.ts';
import { serve } from '../../support/serve.ts';

const PERSON: Client = { surface: 'secrets', user: 'ann' };

async function opened(over: Partial<Door> = {}, policy?: string) {
  const { box, handle } = await serve(await machine(), policy === undefined ? {} : { policy });
  const ask: Ask = (op, params) => handle(op, params, PERSON);
  const told: string[] = [];
  const missed: string[] = [];
  const door: Door = {
    open: async () => ({ ask }),
    mode: 'open',
    isAgent: false,
    warn: (line) => told.push(line),
    missed: (what, why) => missed.push(`${what}: ${why}`),
    ...over,
  };
  return {
    door,
    told,
    missed,
    entries: () => entriesOf(box.disk).filter(({ type }) => type === 'secret.access'),
  };
}

const GET: Wanted = { operation: 'get', key: 'KEY', requireReason: 'agents' };
const FOUND = { result: 'v', found: 'found', provider: 'vault://local' } as const;

test('the entry is durable before the secret is fetched, and a second one tells what served it', async () => {
  const { door, entries } = await opened();
  const result = await accessed(door, { ...GET, reason: ' deploy ' }, async () => {
    assert.deepEqual(
      entries().map(({ phase, reason }) => [phase, reason]),
      [['pre_exec', 'deploy']],
    );
    return FOUND;
  });
  assert.equal(result, 'v');
  const [pre, post] = entries();
  assert.deepEqual([post?.phase, post?.parent_id, post?.outcome?.status], ['post_exec', pre?.id, 'ok']);
  assert.deepEqual(post?.secret, { operation: 'get', key: 'KEY', found: 'found', provider: 'vault://local' });
  assert.ok((post?.outcome?.duration_ms ?? -1) >= 0);
});

test('without the reason that is required nothing is fetched, and the refusal is on record', async () => {
  for (const [requireReason, isAgent] of [
    ['always', false],
    ['always', true],
    ['agents', true],
  ] as const) {
    for (const reason of [undefined, '', ' \t\n ']) {
      const { door, entries } = await opened({ isAgent });
      await assert.rejects(
        accessed(door, { ...GET, requireReason, reason }, async () => assert.fail('it was fetched')),
        { code: 'STOPPED', details: { kind: 'reason_required' } },
      );
      assert.deepEqual(
        entries().map(({ phase, outcome }) => [phase, outcome?.status, outcome?.error_kind]),
        [['point', 'blocked', 'reason_required']],
      );
    }
    const { door } = await opened({ isAgent });
    assert.equal(await accessed(door, { ...GET, requireReason, reason: 'x' }, async () => FOUND), 'v');
  }
  for (const [requireReason, isAgent] of [
    ['never', true],
    ['never', false],
    ['agents', false],
  ] as const) {
    const { door } = await opened({ isAgent });
    assert.equal(await accessed(door, { ...GET, requireReason }, async () => FOUND), 'v');
  }
});

test('of several rules for reasons the strictest holds, whoever makes it', () => {
  const rule = fc.constantFrom('never', 'agents', 'always', undefined);
  fc.assert(
    fc.property(fc.array(rule), rule, (rules, one) => {
      const order = ['never', 'agents', 'always'];
      const without = order.indexOf(strictest(...rules));
      assert.equal(order.indexOf(strictest(...rules, one)), Math.max(without, order.indexOf(one ?? 'never')));
    }),
  );
});

test('a reason that is a document is refused, by bytes', () => {
  assert.equal(statedReason('é'.repeat(256)), 'é'.repeat(256));
  assert.throws(() => statedReason('é'.repeat(257)), { code: 'USAGE' });
});

test('what fails while fetching is recorded by its kind alone, and the error goes on', async () => {
  const value = 'a value that an error quotes';
  const failures: readonly (readonly [Error, string])[] = [
    [
      new TallyError('PROVIDER_FAILED', value, { hint: 'x', details: { kind: 'provider_timeout' } }),
      'provider_timeout',
    ],
    [
      new TallyError('PROVIDER_FAILED', value, { hint: 'x', details: { kind: 'made up' } }),
      'provider_failed',
    ],
    [new TallyError('SECRET_NOT_FOUND', value, { hint: 'x' }), 'secret_missing'],
    [new TypeError(value), 'internal'],
  ];
  for (const [error, kind] of failures) {
    const { door, entries } = await opened();
    await assert.rejects(
      accessed(door, GET, () => Promise.reject(error)),
      error,
    );
    const post = entries()[1];
    assert.deepEqual(
      [post?.outcome?.status, post?.outcome?.error_kind, post?.secret?.found],
      ['error', kind, 'error'],
    );
    assert.ok(!JSON.stringify(entries()).includes(value));
  }
});

test('what the policy stops is told with its reason, and nothing is fetched', async () => {
  const { door } = await opened({}, 'version: "1"\nidentity: { anonymous: stop }\nallowlist: []\n');
  await assert.rejects(
    accessed(door, GET, async () => assert.fail('it was fetched')),
    { code: 'STOPPED', details: { kind: 'stopped', reason: 'identity_missing' } },
  );
});

const full = (): Promise<never> =>
  Promise.reject(new TallyError('LOG_FULL', 'the disk is full', { hint: 'free some space' }));

test('a log that cannot be written: a person goes on with one warning and a gap, an agent and mode closed do not', async () => {
  const person = await opened({ open: full });
  assert.equal(await accessed(person.door, GET, async () => FOUND), 'v');
  assert.equal(person.told.length, 1);
  assert.deepEqual(person.missed, ['secret.get KEY: LOG_FULL']);
  for (const over of [{ isAgent: true }, { mode: 'closed' as const }]) {
    const { door, missed, told } = await opened({ open: full, ...over });
    await assert.rejects(
      accessed(door, { ...GET, reason: 'x' }, async () => assert.fail('it was fetched')),
      { code: 'LOG_FULL', details: { kind: 'log_unavailable' } },
    );
    assert.deepEqual([missed, told], [[], []]);
  }
});

test('a reason is required also while nothing can be recorded', async () => {
  const { door } = await opened({ open: full });
  await assert.rejects(
    accessed(door, { ...GET, requireReason: 'always' }, async () => assert.fail('it was fetched')),
    { code: 'STOPPED' },
  );
});

test('an error that is not about the log is never taken for one', async () => {
  const { door } = await opened({
    open: () => Promise.reject(new TallyError('BAD_CONFIG', 'config.yaml does not parse', { hint: 'x' })),
  });
  await assert.rejects(
    accessed(door, GET, async () => assert.fail('it was fetched')),
    { code: 'BAD_CONFIG' },
  );
});

test('where recording is switched off nothing is opened, and nothing is missed', async () => {
  const { door, entries, missed, told } = await opened({ open: async () => undefined });
  assert.equal(await accessed(door, GET, async () => FOUND), 'v');
  assert.deepEqual([entries(), missed, told], [[], [], []]);
});

test('of thousands of names those that fit are told, and their number', async () => {
  const { door, entries } = await opened();
  const keys = Array.from({ length: 5_000 }, (_, i) => `KEY_${i}_${'x'.repeat(100)}`);
  await accessed(door, { operation: 'check', keys, requireReason: 'agents' }, async () => FOUND);
  const { secret } = entries()[0] ?? {};
  assert.equal(secret?.key_count, 5_000);
  assert.ok((secret?.keys?.length ?? 0) > 100);
});
