/** Whatever way a secret takes into an event, its value reaches no byte that the recorder writes, and no error. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Event } from '../../src/core/entry.ts';
import type { Producer } from '../../src/recorder/api.ts';
import { entriesOf, type Machine, machine } from '../support/recorder.ts';
import { assertVerifies } from '../support/verify.ts';

const PRODUCER: Producer = { surface: 'proxy', assurance: 'enforced' };
const NAME = 'STRIPE_KEY';

/** An event with every kind of text member that a producer can fill; `put` replaces the text at one place. */
const PLACES: readonly ((text: string) => Partial<Event>)[] = [
  (text) => ({ reason: text }),
  (text) => ({ metadata: { note: text } }),
  (text) => ({ metadata: { deep: [{ list: ['a', text] }] } }),
  (text) => ({ metadata: { [text]: 'the name of a member' } }),
  (text) => ({ risk: { why: text } }),
  (text) => ({ run_id: text }),
  (text) => ({ actor: { agent_id: text, user: { id: text } } }),
  (text) => ({ action: { name: text } }),
  (text) => ({ action: { name: 'a', args: { body: text } } }),
  (text) => ({ action: { name: 'a', target: { host: 'api.example.com', path: `/v1/${text}?k=${text}` } } }),
  (text) => ({ credentials: [{ ref: NAME, provider: `https://user:${text}@vault.example.com` }] }),
  (text) => ({ outcome: { status: 'error', error: `upstream said: bad key ${text}.` } }),
  (text) => ({ secret: { operation: 'run', command: text } }),
  (text) => ({ from_a_newer_version: { [`x-${text}`]: text } }),
];

/** As it is, as the usual encoders write it, and in the middle of something else. */
const FORMS: readonly ((value: string) => string)[] = [
  (value) => value,
  (value) => Buffer.from(value).toString('base64'),
  (value) => Buffer.from(value).toString('base64url'),
  (value) => Buffer.from(value).toString('hex'),
  (value) => encodeURIComponent(value),
  (value) => JSON.stringify({ key: value }),
  (value) => `before ${value} and after`,
];

function everyByte(box: Machine): string {
  const { objects, segments, torn } = box.disk;
  const all = [objects, segments, torn, box.heads, box.registry].flatMap((map) => [
    ...map.keys(),
    ...[...map.values()].map((bytes) => Buffer.from(bytes).toString('latin1')),
  ]);
  return all.join('\n');
}

/** A value like a real one, with characters that every encoder treats differently. Made at run time. */
const freshSecret = (): string => `${randomBytes(12).toString('base64')}"é/&%`;

test('the value of a known secret reaches no byte of the store, wherever it stands in an event', async () => {
  const events = fc.array(fc.tuple(fc.constantFrom(...PLACES), fc.constantFrom(...FORMS)), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(events, async (choices) => {
      const value = freshSecret();
      const box = await machine();
      const recorder = await box.open();
      recorder.secrets.set(NAME, value);
      for (const [place, form] of choices) {
        await recorder.record({ type: 'custom', phase: 'point', ...place(form(value)) }, PRODUCER);
      }
      await recorder.close('test');
      const stored = everyByte(box);
      for (const form of FORMS.slice(0, 5)) {
        // `latin1` above shows UTF-8 bytes one by one; so must the needle.
        const needle = Buffer.from(form(value)).toString('latin1');
        assert.ok(!stored.includes(needle), `${form.toString()} of the secret was stored`);
      }
      assert.equal(entriesOf(box.disk).length, choices.length + 2);
      await assertVerifies(box);
    }),
    { numRuns: 150 },
  );
});

test('a replaced value is marked with the name of its secret, and counted where there is an outcome', async () => {
  const value = freshSecret();
  const box = await machine();
  const recorder = await box.open();
  recorder.secrets.set(NAME, value);
  await recorder.record(
    { type: 'custom', phase: 'point', reason: `use ${value}`, outcome: { status: 'ok', error: value } },
    PRODUCER,
  );
  await recorder.close('test');
  const entry = entriesOf(box.disk)[1];
  assert.equal(entry?.reason, `use [REDACTED:${NAME}]`);
  assert.equal(entry?.outcome?.error, `[REDACTED:${NAME}]`);
  assert.deepEqual(entry?.outcome?.redaction, { count: 2, rules: { [NAME]: 2 } });
});

test('an event that is refused is not quoted in the error', async () => {
  const value = freshSecret();
  const box = await machine();
  const recorder = await box.open();
  recorder.secrets.set(NAME, value);
  const refused: readonly unknown[] = [
    { type: value, phase: 'point' },
    { type: 'custom', phase: value },
    { type: 'custom', phase: 'point', outcome: { status: value } },
    { type: 'custom', phase: 'point', metadata: value },
    { type: 'custom', phase: 'point', quality: { [value]: value } },
    { type: 'custom', phase: 'point', metadata: { [value]: Number.NaN } },
    { type: 'custom', phase: 'point', action: { name: 'a', args: { [value]: Number.NaN } } },
    { type: 'custom', phase: 'point', reason: value.repeat(100) },
  ];
  for (const event of refused) {
    await assert.rejects(recorder.record(event as Event, PRODUCER), (error: Error) => {
      const told = `${error.message} ${JSON.stringify(error)} ${error.stack ?? ''}`;
      assert.ok(!told.includes(value) && !told.includes(JSON.stringify(value).slice(1, -1)), told);
      return true;
    });
  }
  await recorder.close('test');
});
