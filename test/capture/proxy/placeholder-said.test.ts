/** Where in a body a placeholder is only spoken of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { placeholderFor } from '../../../src/capture/proxy/placeholder.ts';
import { spotsInBody } from '../../../src/capture/proxy/placeholder-find.ts';

const text = placeholderFor('run_a.b', 'KEY');

/** The values of these that would be replaced: each is named by where it stands. */
function meant(body: unknown): number {
  return spotsInBody(Buffer.from(JSON.stringify(body, undefined, 1)), 'json').spots.length;
}

test('what is said to a model is told apart from what proves something', () => {
  for (const body of [
    { model: 'x', messages: [{ role: 'user', content: [{ text }] }], stream: true },
    { input: text },
    { input: [{ role: 'user', content: [{ type: 'input_text', text }] }] },
    { request: { contents: [{ parts: [{ text }] }] } },
    { requests: [{ params: { messages: [text] } }] },
    { system: [{ type: 'text', text }] },
    [{ prompt: text }],
    { channel: 'c', text: `KEY=${text}` },
  ])
    assert.equal(meant(body), 0, JSON.stringify(body));
  for (const body of [
    { api_key: text },
    { messages: [], api_key: text },
    { auth: { input: text, text, system: text } },
    { a: { messages: {} }, token: text },
    { model: 'messages', key: text },
    ['messages', text],
    { body: text, title: 'messages' },
  ])
    assert.ok(meant(body) > 0, JSON.stringify(body));
});

test('wherever a placeholder stands, it is in the conversation just when one of its members says so', () => {
  const names = fc.constantFrom('messages', 'contents', 'a', 'b"', 'text', 'prompt', 'messages\\');
  const { tree } = fc.letrec<{ tree: unknown; leaf: unknown }>((tie) => ({
    leaf: fc.constantFrom<unknown>(text, 'messages', 1, null, '"messages":', `x${text}`),
    tree: fc.oneof(
      { maxDepth: 5 },
      tie('leaf'),
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(names, tie('tree'), { maxKeys: 3 }),
    ),
  }));
  const anywhere = new Set(['messages', 'contents', 'prompt']);
  const count = (value: unknown, depth: number): number => {
    if (typeof value === 'string') return value.includes(text) ? 1 : 0;
    if (typeof value !== 'object' || value === null) return 0;
    if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + count(one, depth + 1), 0);
    return Object.entries(value).reduce(
      (sum, [name, one]) =>
        anywhere.has(name) || (depth === 1 && name === 'text') ? sum : sum + count(one, depth + 1),
      0,
    );
  };
  fc.assert(
    fc.property(tree, (body) => assert.equal(meant(body), count(body, 1))),
    { numRuns: 1_000 },
  );
});
