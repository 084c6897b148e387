/** Texts of programs as they may stand in an entry. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contentOf } from '../../../src/capture/otlp/names.ts';
import { clipped, opened } from '../../../src/capture/otlp/text.ts';
import { LIMITS } from '../../../src/core/limits.ts';

describe('texts', () => {
  it('that are cut hold no half of a word', () => {
    assert.equal(clipped('short'), 'short');
    const text = `${'word '.repeat(60)}`;
    assert.match(clipped(text), /^(?:word )+word…$/);
    assert.equal(clipped('x'.repeat(5_000)), '…(5000 characters)');
    for (const odd of ['\u0001', 'é', '😀', '"', '\\', '\ud800'])
      assert.ok(
        Buffer.byteLength(JSON.stringify(clipped(`a ${odd.repeat(999)}`))) <= LIMITS.otlpTextBytes + 2,
      );
  });

  it('that are JSON are what they say, unless a number would lose digits', () => {
    assert.deepEqual(opened('{"a":[1,"x"]}'), { a: [1, 'x'] });
    for (const text of [
      '{"a":12345678901234567890}',
      '[1e999]',
      '{"a":',
      '["\\ud800"]',
      'plain',
      '['.repeat(99),
    ])
      assert.equal(opened(text), text);
  });

  it('are told from labels by their names', () => {
    for (const name of [
      'gen_ai.input.messages',
      'gen_ai.prompt.0.content',
      'gen_ai.tool.call.arguments',
      'input.value',
    ])
      assert.equal(contentOf(name), 'in', name);
    for (const name of [
      'gen_ai.output.messages',
      'gen_ai.completion',
      'output.value',
      'exception.stacktrace',
    ])
      assert.equal(contentOf(name), 'out', name);
    for (const name of [
      'gen_ai.prompt.name',
      'gen_ai.request.model',
      'gen_ai.usage.input_tokens',
      'http.route',
    ])
      assert.equal(contentOf(name), undefined, name);
  });
});
